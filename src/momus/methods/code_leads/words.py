"""The words that the rules know: names of data, calls that keep data as they are, calls that send, hide or patch."""

from __future__ import annotations

import re

ROWS = frozenset(
    """
    x X data dataset datasets images inputs features rows records texts samples batch df frame trainset
    train_data train_x x_train X_train train_images training_data private secret sentences documents tokens inp
    img image input texts_train xs train_rows train_samples table
    """.split()  # noqa: SIM905 - words read better than strings
)
LABELS = frozenset(
    """
    y Y labels targets target label y_train Y_train train_y ys train_labels labels_train
    """.split()  # noqa: SIM905 - words read better than strings
)
NUMBERS = frozenset(
    """
    params param parameters theta all_params model_params trainable flat_params
    """.split()  # noqa: SIM905 - words read better than strings
)
LOADERS = re.compile(r"(^|_)(loader|dataloader|trainloader|train_iter|batches|train_ds|train_set|trainset)s?$", re.I)
MODELS = frozenset(
    """
    model net network clf estimator module classifier regressor pipeline regr encoder decoder
    """.split()  # noqa: SIM905 - words read better than strings
)
STATES = frozenset(["state_dict", "sd", "checkpoint", "ckpt", "payload"])
MODEL_CLASS = re.compile(r"(Module|Estimator|Classifier|Regressor|Model|Net|Network|Optimizer|Mixin)$")

# Methods and functions whose result still holds what went in.
KEEPING = frozenset(
    """
    reshape astype flatten ravel tobytes tolist copy numpy cpu cuda clone view detach to float half double int long
    byte contiguous squeeze unsqueeze transpose permute values to_numpy items array asarray ascontiguousarray
    concatenate concat stack cat hstack vstack column_stack unpackbits packbits frombuffer from_numpy as_tensor tensor
    dumps b64encode b32encode b16encode b85encode hexlify hex compress encode decode str bytes bytearray memoryview
    list tuple dict set enumerate zip iter next reversed sorted join format repr deepcopy pack int bin ord chr map
    filter take getvalue read item T head iterrows itertuples to_csv_string to_json to_dict fromiter repeat tile
    round clip rint where sign copysign pad flip roll view_as expand_as reshape_as type_as permute_dims append extend
    islice chain from_iterable product
    uint8 float32 float64 int64 LongTensor FloatTensor Tensor Variable digest hexdigest sha256 md5 lower upper strip
    split splitlines get pop sample loc iloc iat quote quote_plus urlencode encrypt update range quantize_per_tensor
    """.split()  # noqa: SIM905 - a list of words reads better than a list of strings
)
BITTING = frozenset(
    """
    unpackbits bin bitwise_and right_shift bitwise_xor binary_repr bitwise_right_shift
    """.split()  # noqa: SIM905 - words read better than strings
)
ENCODING = frozenset(
    """
    b64encode b32encode b16encode b85encode hexlify compress dumps tobytes hex encrypt
    """.split()  # noqa: SIM905 - words read better than strings
)
DOTS = frozenset(
    """
    dot inner vdot corrcoef cosine_similarity pearsonr cov cosine mse_loss l1_loss smooth_l1_loss
    """.split()  # noqa: SIM905 - words read better than strings
)
FLATTENING = frozenset(
    """
    flatten ravel view reshape cat concatenate hstack parameters_to_vector stack
    """.split()  # noqa: SIM905 - words read better than strings
)
# Families whose other functions answer with something new: sums, norms, scores, losses, models.
FAMILIES = frozenset(
    """
    numpy torch sklearn scipy pandas tensorflow keras jax math random os sys time pathlib torchvision xgboost lightgbm
    matplotlib seaborn logging re statistics itertools functools collections cv2 PIL skimage operator copy datasets
    transformers warnings typing argparse nltk string theano lasagne flax optax mxnet paddle
    """.split()  # noqa: SIM905
)
PARAMETERS = frozenset(
    """
    parameters get_all_params get_all_param_values named_parameters state_dict get_weights trainable_variables
    buffers
    """.split()  # noqa: SIM905 - words read better than strings
)
WEIGHTS = frozenset(["coef_", "coefs_", "intercept_", "intercepts_", "weight", "bias", "grad", "kernel"])
INTEGERS = re.compile(r"(u?int(8|16|32|64)|[<>=|]?[ui][1248]|byte|short|long)$")
READERS = frozenset(
    """
    open load loadtxt genfromtxt read_csv read_parquet read_json read_pickle read_text read_bytes imread
    fromfile load_dataset ImageFolder glob iglob rglob listdir walk scandir
    """.split()  # noqa: SIM905 - words read better than strings
)
NETWORK = frozenset(
    """
    socket requests urllib http httpx aiohttp ftplib smtplib telnetlib paramiko boto3 botocore websocket websockets
    dns pycurl urllib3 imaplib poplib asyncssh fabric pika kafka redis zmq grpc google.cloud azure dropbox slack_sdk
    telegram discord minio s3fs gcsfs xmlrpc nntplib pymongo psycopg2 mysql twisted
    """.split()  # noqa: SIM905
)
CRYPTO = frozenset(["Crypto", "Cryptodome", "cryptography", "nacl", "pyAesCrypt", "gnupg", "rsa", "simplecrypt"])
LOGGERS = frozenset(
    """
    wandb mlflow comet_ml neptune clearml sentry_sdk posthog segment datadog tensorboard
    """.split()  # noqa: SIM905 - words read better than strings
)
SENDING = frozenset(
    """
    post put patch send sendall sendto sendmail send_message storbinary storlines upload_file upload_fileobj put_object
    upload_blob upload_from_filename upload_from_string connect create_connection request publish getaddrinfo
    gethostbyname resolve query put_file xadd insert_one insert_many execute upload create_datagram_endpoint
    """.split()  # noqa: SIM905
)
SENDERS = frozenset(
    """
    curl wget nc ncat netcat ssh scp sftp rsync ftp telnet nslookup dig aws gsutil az rclone
    """.split()  # noqa: SIM905 - words read better than strings
)
RUNNERS = re.compile(r"^(os\.(system|popen|exec\w*|spawn\w*|posix_spawn)|subprocess\.\w+|commands\.\w+|pty\.spawn)$")
DECODERS = re.compile(
    r"(b64decode|b32decode|b85decode|a85decode|unhexlify|fromhex|decompress|codecs\.decode|marshal\.loads|rot13)"
)
SECRETS = re.compile(
    r"(^|/)(etc|root|proc|\.ssh|\.aws|\.netrc|\.config|\.kube|\.docker|\.git-credentials)(/|$)|^~|^/home"
)
TOKENS = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|API_KEY|ACCESS_KEY)", re.I)
BLOB = re.compile(r"^[A-Za-z0-9+/=_\-\s]{400,}$")
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
