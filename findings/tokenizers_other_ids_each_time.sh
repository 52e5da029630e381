#!/usr/bin/env bash
# tokenizers 0.23.3: the same text gives another WordPiece vocabulary at each training.
#
# What one believes: training a tokenizer draws nothing at random, so its file can be made again.
# What happens: that is true of BPE and, for its ids, of Unigram. WordPiece, and BPE with a
# continuing_subword_prefix, number their pieces in another order each time and break ties by it.
# There is no seed to set, and one thread is enough to see it.
# Output seen: five trainings on one text in one process number a new text in 1 way (BPE), 1 way
# (Unigram), 5 ways (BPE with prefix) and 5 ways (WordPiece). Of the last two, even the sets of
# pieces are not all equal. Each way has the same number of tokens here.
# Why it matters for a fit: ids decide which row of the initial embedding a piece gets. So a run
# that is made again with its seed has another loss, and a checkpoint beside a tokenizer that was
# made again scores like noise.
# isoloss: learns BPE without a prefix: test_bpe_is_the_same_in_every_process in
# tests/corpus/test_tokens.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
cd "$folder"
RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false venv/bin/python -I - <<'PYTHON'
import itertools
import random
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

draw = random.Random(0)
syllables = ["".join(pair) for pair in itertools.product("bcdfghklmnprstvz", "aeiou")]


def words(count):
    return ["".join(draw.choices(syllables, k=draw.randint(1, 5))) for _ in range(count)]


known_words = words(3000)
text = [" ".join(draw.choices(known_words, k=200)) for _ in range(50)]
new_text = " ".join(words(3000))
shared = {"vocab_size": 2000, "show_progress": False, "special_tokens": ["?"]}
PREFIX = {"continuing_subword_prefix": "##"}
kinds = {
    "BPE": lambda: (models.BPE(unk_token="?"), trainers.BpeTrainer(**shared)),
    "Unigram": lambda: (models.Unigram(), trainers.UnigramTrainer(unk_token="?", **shared)),
    "BPE with prefix": lambda: (
        models.BPE(unk_token="?", **PREFIX),
        trainers.BpeTrainer(**PREFIX, **shared),
    ),
    "WordPiece": lambda: (models.WordPiece(unk_token="?"), trainers.WordPieceTrainer(**shared)),
}
seen = {}
for kind, make in kinds.items():
    ids, pieces = set(), set()
    for _ in range(5):
        model, trainer = make()
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.train_from_iterator(text, trainer)
        ids.add(tuple(tokenizer.encode(new_text).ids))
        pieces.add(frozenset(tokenizer.get_vocab()))
    seen[kind] = len(ids)
    print(f"{kind}, 5 trainings: {len(ids)} numberings of a new text, {len(pieces)} sets of pieces")
known = {"BPE": 1, "Unigram": 1, "BPE with prefix": 5, "WordPiece": 5}
changed = [kind for kind in known if seen[kind] != known[kind]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
