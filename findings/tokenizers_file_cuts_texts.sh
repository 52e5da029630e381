#!/usr/bin/env bash
# tokenizers 0.23.3, transformers 5.24.0: one tokenizer.json gives two counts of a text's tokens.
#
# What one believes: a tokenizer.json holds a vocabulary and rules, and both libraries give the same
# tokens with it. truncation=True is an argument of one call.
# What happens: that call sets the limit, and the padding, in the tokenizer itself. save_pretrained
# writes both into tokenizer.json. tokenizers.Tokenizer.from_file obeys them without a word, so long
# texts are cut and short ones filled up. AutoTokenizer takes them off again at each call.
# Output seen: texts of 2,000 tokens and of 1. After a call with truncation to 128 and the save,
# Tokenizer.from_file counts 128 and 128, and AutoTokenizer 2,000 and 1.
# Why it matters for a fit: the fast library counts corpora, so D, the tokens per byte and with them
# losses in bits a byte are wrong by whatever the lengths of the texts are.
# isoloss: counts with tokenizers that it learned itself, whose files set neither:
# test_the_file_of_a_bpe_cuts_no_text_and_fills_none_up in tests/corpus/test_tokens.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3 transformers==5.24.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python -I - <<'PYTHON'
import sys

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

vocabulary = {word: i for i, word in enumerate(("<pad>", "loss", "falls"))}
made = Tokenizer(models.WordLevel(vocabulary))
made.pre_tokenizer = pre_tokenizers.Whitespace()
texts = ["loss falls " * 1000, "loss"]


def counted():
    """Tokens of each text by the file, as both libraries read it."""
    fast, auto = Tokenizer.from_file("saved/tokenizer.json"), AutoTokenizer.from_pretrained("saved")
    return [len(fast.encode(text)) for text in texts], [len(auto(text).input_ids) for text in texts]


tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>")
tokenizer.save_pretrained("saved")
before = counted()
tokenizer(texts, truncation=True, max_length=128, padding="max_length")
tokenizer.save_pretrained("saved")
after = counted()
seen = {
    "before the call: tokenizers": before[0],
    "before the call: transformers": before[1],
    "after the call: tokenizers": after[0],
    "after the call: transformers": after[1],
}
known = {
    "before the call: tokenizers": [2000, 1],
    "before the call: transformers": [2000, 1],
    "after the call: tokenizers": [128, 128],
    "after the call: transformers": [2000, 1],
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
