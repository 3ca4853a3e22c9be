#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random replies under random instructions, and what lm-eval's port of IFEval's checkers says of them, strictly and loosely.

    python3 tools/ifeval_golden.py N SEED > tests/fixtures/ifeval/cases.jsonl      # 600 7: what stands there

Needs `pip install lm_eval langdetect immutabledict nltk packaging` (made with lm_eval 0.4.5). Rules that ask nltk's models or
langdetect are left out: sentences, words in capitals, languages, cases of English.
"""
import importlib.util
import json
import os
import random
import sys
import types

import nltk

nltk.download = lambda *arguments, **named: True
nltk.data.find = lambda *arguments, **named: True


def load_checkers():
    """lm_eval/tasks/ifeval by itself: the package around it would load models."""
    folder = os.path.dirname(importlib.util.find_spec("lm_eval").origin)
    for name, path in (("lm_eval", ""), ("lm_eval.tasks", "tasks"), ("lm_eval.tasks.ifeval", "tasks/ifeval")):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(folder, path)]
        sys.modules[name] = module
    sys.modules["lm_eval.utils"] = types.ModuleType("lm_eval.utils")
    sys.modules["lm_eval.utils"].eval_logger = None
    from lm_eval.tasks.ifeval import utils
    return utils


WORDS = ("the a river Sea DELTA it's well-known P.S. P.P.S p. s. * ** *bold* **strong** *** ****** - [x] [long name] << >> "
         "<<title>> SECTION 1 Section 2 SECTION3 \" ' , . ! ? yes My answer is yes. maybe {\"a\":1} ``` ```json é Über straße "
         "中文 _ x_y 42 ÄÖ Paragraph weeks NASA").split(" ")
SEPARATORS = [" ", " ", " ", " ", "\n", "\n\n", "\n* ", "\n- ", "\n***\n", "", "\t"]
draw = random.Random()


def reply():
    text = "".join(draw.choice(WORDS) + draw.choice(SEPARATORS) for _ in range(draw.choice([1, 2, 3, 5, 8, 13, 30])))
    return draw.choice(['{0}', '{0}', '{0}', '"{0}"', 'My answer is no.\n{0}']).format(text)


def word():
    return draw.choice(["river", "sea", "Delta", "yes", "weeks", "a", "it's", "NASA"])


def relation():
    return draw.choice(["less than", "at least"])


def nth_paragraph():
    n = draw.randint(1, 3)
    return {"num_paragraphs": n, "nth_paragraph": draw.randint(1, n), "first_word": word()}


INSTRUCTIONS = {
    "keywords:existence": lambda: {"keywords": [word() for _ in range(draw.choice([1, 2]))]},
    "keywords:frequency": lambda: {"keyword": word(), "frequency": draw.randint(1, 3), "relation": relation()},
    "keywords:forbidden_words": lambda: {"forbidden_words": [word()]},
    "keywords:letter_frequency": lambda: {"letter": draw.choice("aexzD"), "let_frequency": draw.randint(1, 6),
                                          "let_relation": relation()},
    "length_constraints:number_paragraphs": lambda: {"num_paragraphs": draw.randint(1, 4)},
    "length_constraints:number_words": lambda: {"num_words": draw.randint(1, 20), "relation": relation()},
    "length_constraints:nth_paragraph_first_word": nth_paragraph,
    "detectable_content:number_placeholders": lambda: {"num_placeholders": draw.randint(1, 3)},
    "detectable_content:postscript": lambda: {"postscript_marker": draw.choice(["P.S.", "P.P.S"])},
    "detectable_format:number_bullet_lists": lambda: {"num_bullets": draw.randint(1, 4)},
    "detectable_format:constrained_response": dict,
    "detectable_format:number_highlighted_sections": lambda: {"num_highlights": draw.randint(1, 4)},
    "detectable_format:multiple_sections": lambda: {"section_spliter": draw.choice(["SECTION", "Section"]),
                                                    "num_sections": draw.randint(1, 2)},
    "detectable_format:json_format": dict,
    "detectable_format:title": dict,
    "combination:two_responses": dict,
    "combination:repeat_prompt": lambda: {"prompt_to_repeat": draw.choice(["the", "a River", "Sea "])},
    "startend:end_checker": lambda: {"end_phrase": draw.choice(["yes", "Sea.", "maybe", ". "])},
    "startend:quotation": dict,
    "punctuation:no_comma": dict,
}


def main():
    n, seed = int(sys.argv[1]), int(sys.argv[2])
    checkers = load_checkers()
    draw.seed(seed)
    names = list(INSTRUCTIONS)
    for i in range(n):
        name = names[i % len(names)]
        kwargs, text = INSTRUCTIONS[name](), reply()
        row = checkers.InputExample(key=0, instruction_id_list=[name], prompt="", kwargs=[dict(kwargs)])
        strict = checkers.test_instruction_following_strict(row, text).follow_all_instructions
        loose = checkers.test_instruction_following_loose(row, text).follow_all_instructions
        print(json.dumps({"instruction_id_list": [name], "kwargs": [kwargs], "text": text, "strict": strict, "loose": loose},
                         ensure_ascii=False))


main()
