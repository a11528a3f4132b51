# SPDX-License-Identifier: MIT
"""Which training documents move a language model towards a behaviour: attrib's library in Python."""
from ._library import Error, lib as _lib, text as _text
from .jobs import Corpus, Factors, Model, fit, query, score
from .run import Answer, Query, Result, Run, Setting, Token, map_arrays

__version__ = _text(_lib.attrib_version())
__all__ = ["Answer", "Corpus", "Error", "Factors", "Model", "Query", "Result", "Run", "Setting", "Token", "fit",
           "map_arrays", "query", "score"]
