"""A tokenizer and a model of Hugging Face's library, joined: texts in, logits or texts out, on the model's device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from momus.core.samples import NumpyArray


class Sorter(torch.nn.Module):  # type: ignore[misc]
    """Texts to logits. ``order`` puts the model's outputs into the order of the classes."""

    def __init__(self, model: Any, tokenizer: Any, longest: int, order: Sequence[int] | None) -> None:
        super().__init__()
        self.model, self.tokenizer, self.longest, self.order = model, tokenizer, longest, order

    def forward(self, texts: Sequence[str]) -> Any:
        given = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
        ).to(self.model.device)
        logits = self.model(**given).logits
        return logits if self.order is None else logits[:, list(self.order)]


class Writer:
    """Texts to the likeliest texts that follow them (language models) or answer them (translators)."""

    def __init__(self, model: Any, tokenizer: Any, longest: int, more: int) -> None:
        self.model, self.tokenizer, self.more = model, tokenizer, more
        self.answers = bool(model.config.is_encoder_decoder)
        # A language model's own words count against what it can read.
        self.longest = longest if self.answers else max(1, longest - more)
        tokenizer.padding_side = "right" if self.answers else "left"
        tokenizer.truncation_side = "right" if self.answers else "left"  # what follows depends on the end

    def generate(self, x: NumpyArray) -> NumpyArray:
        """(n,) object array of str."""
        texts = [str(t) for t in x]
        starts = self.tokenizer.bos_token or self.tokenizer.eos_token or " "
        given = self.tokenizer(
            [t or starts for t in texts], padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
        ).to(self.model.device)
        given.pop("token_type_ids", None)
        with torch.no_grad():
            made = self.model.generate(
                **given,
                do_sample=False,
                num_beams=1,
                max_new_tokens=self.more,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        new = made if self.answers else made[:, given["input_ids"].shape[1] :]
        found = np.empty(len(texts), dtype=object)
        found[:] = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return found
