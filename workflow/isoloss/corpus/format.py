"""The format of a prepared corpus: its version, its tokenizers, and the range of token ids."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from isoloss.config.section import Section

FORMAT = 1  # goes up when the same settings give other tokens
ELSEWHERE = "elsewhere.npy"  # the tokens of the other texts, one after the other
SMALLEST_BPE = 257  # 256 bytes and one merge
LARGEST_VOCAB = 65_536  # token ids are stored as uint16


class TokenizerSpec(Section):
    """How text becomes token ids."""

    kind: Literal["bytes", "chars", "bpe"] = "bytes"  # the unit that becomes one token
    # BPE only: the number of ids, 257 to 65,536; for the other kinds it follows from the text
    vocab_size: Annotated[int | None, Field(validate_default=True)] = None

    @field_validator("vocab_size")
    @classmethod
    def _only_bpe_chooses(cls, size: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        if kind == "bpe" and (size is None or not SMALLEST_BPE <= size <= LARGEST_VOCAB):
            found = "missing" if size is None else f"got {size!r}"
            raise ValueError(f"must be {SMALLEST_BPE} to {LARGEST_VOCAB} for BPE, {found}")
        if kind in ("bytes", "chars") and size is not None:
            raise ValueError(f"only BPE has one to choose; {kind} was asked for")
        return size

    @property
    def label(self) -> str:
        """The kind, and for BPE the vocabulary's size, such as bpe512."""
        return self.kind if self.vocab_size is None else f"{self.kind}{self.vocab_size}"
