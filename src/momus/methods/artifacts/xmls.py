"""XML: PMML, SVG, OpenVINO and others by a streaming parser that stops at the first entity. HTML is told apart.

No entity is ever expanded and nothing is fetched: the parser reports declarations before it would use them.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable

_STEP = 1 << 18
_DEPTH = 1_000
_SVG_ACTIVE = frozenset("script foreignObject handler listener iframe embed object".split())  # noqa: SIM905
# PMML 4.4.1, by the first word of each element's name; an element outside it is none of the standard
_PMML = re.compile(
    r"(PMML|Header|Application|Annotation|Timestamp|MiningBuildTask|DataDictionary|DataField|Value|Interval|Taxonomy|"
    r"ChildParent|TransformationDictionary|DerivedField|DefineFunction|ParameterField|NormContinuous|LinearNorm|NormDiscrete|"
    r"Discretize\w*|MapValues|FieldColumnPair|InlineTable|TableLocator|row|FieldRef|Constant|Apply|TextIndex\w*|Aggregate|Lag|BlockIndicator|"
    r"LocalTransformations|MiningSchema|MiningField|Output\w*|Decisions?|ModelStats|UnivariateStats|Counts|NumericInfo|Quantile|"
    r"DiscrStats|ContStats|Multivariate\w*|Anova\w*|Partition\w*|ModelExplanation|PredictiveModelQuality|ClusteringModelQuality|"
    r"LiftData|ModelLiftGraph|LiftGraph|[XY]Coordinates|BoundaryValue\w*|OptimumLiftGraph|RandomLiftGraph|ROC\w*|ConfusionMatrix|ClassLabels|Matrix|MatCell|"
    r"Correlations?\w*|ModelVerification|VerificationField\w*|Targets?|TargetValue|Segment\w*|MiningModel|TreeModel|Node|"
    r"Simple\w*Predicate|SimplePredicate|CompoundPredicate|SimpleSetPredicate|True|False|ScoreDistribution|ResultField|Regression\w*|NumericPredictor|CategoricalPredictor|"
    r"PredictorTerm|GeneralRegressionModel|ParameterList|Parameter|FactorList|CovariateList|Predictor|PPMatrix|PPCell|PCovMatrix|PCovCell|ParamMatrix|PCell|"
    r"EventValues|BaseCumHazardTables|BaselineStratum|BaselineCell|NeuralNetwork|Neural\w*|Neuron|Con|"
    r"SupportVector\w*|VectorDictionary|VectorFields|VectorInstance|Coefficients?|\w+KernelType|REAL-SparseArray|INT-SparseArray|Indices|(REAL|INT)-Entries|"
    r"ClusteringModel|Cluster|ClusteringField|ComparisonMeasure|KohonenMap|Covariances|MissingValueWeights|euclidean|squaredEuclidean|chebychev|cityBlock|minkowski|simpleMatching|jaccard|tanimoto|binarySimilarity|"
    r"Association\w*|Item\w*|Sequence\w*|RuleSet\w*|RuleSelectionMethod|SimpleRule|CompoundRule|Scorecard|Characteristics?|Attribute|ComplexPartialScore|"
    r"NaiveBayesModel|BayesInput\w*|PairCounts|TargetValueCounts?|TargetValueStats?|GaussianDistribution|PoissonDistribution|UniformDistribution|AnyDistribution|BayesOutput|"
    r"NearestNeighborModel|TrainingInstances|InstanceFields?|KNNInputs?|GaussianProcessModel|\w+Kernel|Lambda|AnomalyDetectionModel|MeanClusterDistances|"
    r"Array|TimeSeries\w*|TimeValue|TimeAnchor|TimeCycle|TimeException|ExponentialSmoothing|Level|Trend_?\w*|Seasonality_?\w*|ARIMA|SpectralAnalysis|"
    r"NonseasonalComponent|SeasonalComponent|AR|MA|ARMAPart|\w+Component|TextModel\w*|TextDictionary|TextCorpus|TextDocument|DocumentTermMatrix|"
    r"BayesianNetwork\w*|DiscreteNode|ContinuousNode|Discrete\w+|Continuous\w+|ValueProbability|ParentValue|Mean|Variance|Lower|Upper|NormalDistribution\w*|Baseline\w*|TestDistributions|Alternate|WindowFunction|"
    r"Extension|keyword|delimiter|Delimiter|AntecedentSequence|ConsequentSequence|SetReference|SetPredicate|CountTable|NormalizedCountTable|StratumCell)\Z"
)
_SCRIPTED = re.compile(
    r"script|java(\b|x?\.)|class(name|path)|\bexec\b|eval|Runtime|ProcessBuilder|groovy|python|os\.system|jndi:|rmi://|ldap://",
    re.I,
)


_HTML = re.compile(rb"(\xef\xbb\xbf)?\s{0,100}(<!--[^>]{0,1000}-->\s{0,100}){0,3}<(!doctype\s{1,9}html|html)\b", re.I)
_PAGE = re.compile(rb"<(div|p|br|img|table|h[1-6]|center)\b")


_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([^"'>]{0,100})""")
_KNOWN = frozenset(
    (b"utf-8", b"utf8", b"utf-16", b"us-ascii", b"ascii", b"iso-8859-1", b"iso-8859-15", b"latin-1", b"latin1")
) | {b"windows-1252", b"windows-1251", b"shift_jis", b"gbk", b"gb2312", b"euc-jp", b"euc-kr", b"big5"}


class _Stop(Exception):
    """Enough was seen: what follows would be expanded or fetched."""


def scan_xml(job: Job, region: Region, where: str) -> str:
    """Read XML by events; returns pmml, svg, openvino or xml. HTML, which is rarely well formed, goes by its words."""
    if _HTML.match(region.take(0, 4096)):
        from momus.methods.artifacts.documents import scan_html

        return scan_html(job, region, where)
    if len(region) > job.limits.text:
        job.mark("not understood", f"has more than {job.limits.text >> 20} MiB of XML", 0, where)
        return "xml"
    encoding = _ENCODING.match(region.take(0, 400).replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf"))
    if encoding and encoding[1].lower() not in _KNOWN:
        named = printable(encoding[1].decode("latin-1"), 40)  # Python would import encodings.<this> to find out
        job.mark("suspicious", f"XML in an encoding that no model file uses: {named}", None, where)
        return "xml"
    reader = _Reader(job, where)
    try:
        reader.feed(region)
    except _Stop:
        pass
    except expat.ExpatError as error:
        return _broken(job, region, where, reader, error)
    except (ValueError, LookupError) as error:
        job.mark("suspicious", f"XML that cannot be read: {printable(str(error), 60)}", None, where)
    return reader.kind


def _broken(job: Job, region: Region, where: str, reader: _Reader, error: expat.ExpatError) -> str:
    """Not well formed: a text with angle brackets before its first element ends, a lie after that."""
    what = f"XML that breaks off: {printable(expat.ErrorString(error.code) or '', 60)}"
    at = max(reader.parser.ErrorByteIndex, 0)
    lead = region.take(0, 1 << 16)
    loose = reader.elements <= 1 or _PAGE.search(lead) or b"{%" in lead or b"{{" in lead
    if loose and reader.kind == "xml" and not reader.grave and not lead.startswith(b"<?xml"):
        from momus.methods.artifacts.documents import scan_html, scan_text

        scan_html(job, region, where)
        return scan_text(job, region, where)
    job.mark("suspicious", what, at, where)
    rest = region.part(at, len(region))
    if len(rest) > 8:
        job.examine(rest, f"{where}!bytes@{at}")
    return reader.kind


class _Reader:
    """Handlers of one document."""

    def __init__(self, job: Job, where: str) -> None:
        self.job, self.where, self.kind = job, where, "xml"
        self.depth = self.elements = 0
        self.grave = self.known = False
        self.extension = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self.doctype
        parser.EntityDeclHandler = self.entity
        parser.ExternalEntityRefHandler = self.external
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.ProcessingInstructionHandler = self.instruction
        parser.CharacterDataHandler = self.text
        parser.DefaultHandler = lambda data: None  # with it set, expat expands no entity

    def feed(self, region: Region) -> None:
        for at in range(0, len(region), _STEP):
            self.job.check_time()
            self.parser.Parse(region.take(at, _STEP), False)
        self.parser.Parse(b"", True)

    def mark(self, severity: Any, what: str, element: str, reason: str = "") -> None:
        self.job.mark(
            severity, what, self.parser.CurrentByteIndex, self.where, opcode=printable(element, 60), reason=reason
        )

    def doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        known = (public or "").startswith(("-//W3C//DTD", "-//Apple")) or re.match(
            r"https?://(www\.)?(w3\.org|apple\.com)/", system or "", re.I
        )
        if system and not known:
            self.mark(
                "suspicious",
                f"a document type that lies elsewhere: {printable(system, 80)}",
                "DOCTYPE",
                "a reader may fetch it",
            )
        elif internal:
            self.mark(
                "note" if known else "suspicious", "a document type of its own", "DOCTYPE", "it may declare entities"
            )
        self.known = bool(known)

    def entity(
        self, name: str, parameter: int, value: str | None, base: Any, system: str | None, public: Any, notation: Any
    ) -> None:
        self.grave = True
        if system is not None:
            reason = "reads a file or address when it is used"
            self.mark(
                "dangerous", f"the entity {printable(name, 40)} {reason}: {printable(system, 80)}", "ENTITY", reason
            )
            raise _Stop
        if parameter or (value and re.search(r"&\w+;|%\w+;|&#3[78];", value)):
            reason = "is made of other entities, which multiply when it is used"
            self.mark("dangerous", f"the entity {printable(name, 40)} {reason}", "ENTITY", reason)
            raise _Stop
        if value and len(value) > 10_000:
            self.mark(
                "dangerous",
                f"the entity {printable(name, 40)} holds {len(value):,} characters",
                "ENTITY",
                "multiplies when it is used",
            )
            raise _Stop
        plain = self.known and len(value or "") < 200  # drawing programs keep addresses of their schemas so
        self.mark("note" if plain else "suspicious", f"declares the entity {printable(name, 40)}", "ENTITY")

    def external(self, context: str, base: Any, system: str | None, public: str | None) -> int:
        self.mark(
            "dangerous", f"refers to the entity {printable(str(system), 80)}", "ENTITY", "reads a file or address"
        )
        raise _Stop

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        self.depth += 1
        if self.depth > _DEPTH:
            raise TooMuch(f"nests XML deeper than {_DEPTH:,}")
        local = name.rpartition(":")[2]
        if self.elements == 1:
            self.kind = {"PMML": "pmml", "svg": "svg", "net": "openvino"}.get(local, "xml")
        if self.kind == "pmml":
            self.pmml(local, attributes)
        elif self.kind == "svg":
            self.svg(local, attributes)
        elif self.kind == "openvino" and attributes.get("version") == "extension":
            self.mark("suspicious", f"the layer {printable(attributes.get('type', ''), 60)} needs native code", name)
        elif local in ("object", "void") and attributes.get("class", "").startswith(("java.", "javax.")):
            grave = re.search(r"ProcessBuilder|Runtime|script|URLClassLoader", attributes["class"])
            self.mark(
                "dangerous" if grave else "suspicious",
                f"builds the Java class {printable(attributes['class'], 60)}",
                name,
            )
        elif local in ("script", "include") or (local == "stylesheet" and "xsl" in name):
            self.mark("suspicious", f"the element {printable(name, 40)} runs or reads something else", name)

    def pmml(self, name: str, attributes: dict[str, str]) -> None:
        if self.extension:
            self.extension += 1
        if name == "Extension":
            self.extension = max(self.extension, 1)
            said = " ".join(attributes.values())
            hit = _SCRIPTED.search(said)
            self.mark(
                "suspicious" if hit else "note",
                "an Extension, which some engines act upon" + (f": {printable(hit[0], 30)}" if hit else ""),
                name,
            )
        elif not self.extension and not _PMML.match(name):
            self.mark("suspicious", f"the element {printable(name, 40)} is none of PMML's", name, "default-deny")
        if name == "TableLocator":
            self.mark("suspicious", "data that lies elsewhere", name)
        if name == "Apply" and re.search(r"[:./]|exec|eval|java", attributes.get("function", "")):
            called = attributes["function"]
            grave = re.search(r"Runtime|ProcessBuilder|\bexec\b|eval", called)
            self.mark(
                "dangerous" if grave else "suspicious",
                f"calls the function {printable(called, 60)} of the engine",
                name,
            )

    def svg(self, name: str, attributes: dict[str, str]) -> None:
        if name in _SVG_ACTIVE:
            self.mark("suspicious", f"a picture with a {printable(name, 30)} element, which may run", name)
        for key, value in attributes.items():
            if key.lower().startswith("on") or "javascript:" in value.lower().replace("\t", ""):
                self.mark("suspicious", f"a picture with the script {printable(key, 30)}", name)
            elif (
                key.rpartition(":")[2] == "href"
                and re.match(r"(https?|file|ftp):|//", value.strip(), re.I)
                and name in ("image", "use", "script", "feImage")
            ):
                self.mark("suspicious", f"fetches {printable(value, 60)} when it is shown", name)

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.extension:
            self.extension -= 1

    def instruction(self, target: str, data: str) -> None:
        if target == "xml-stylesheet" and ("javascript" in data or re.search(r"type=[\"']text/xsl", data)):
            self.mark("suspicious", "a style sheet that is a program", "xml-stylesheet")
        elif target in ("php", "python", "perl", "xml-multiple"):
            self.mark("suspicious", f"an instruction for {printable(target, 30)}", target)

    def text(self, data: str) -> None:
        if self.extension and _SCRIPTED.search(data):
            self.mark(
                "suspicious",
                f"an Extension that holds {printable(data.strip(), 60)}",
                "Extension",
                "some engines act upon it",
            )
