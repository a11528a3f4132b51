# SPDX-License-Identifier: MIT
"""Write documents and queries that attack a page: hostile.py DOCUMENTS.jsonl QUERIES.jsonl"""
import json
import sys

ATTACKS = [
    "</script><script>window.ran = 1; alert(1)</script>",
    "<img src=x onerror=\"window.ran = 1\"> <svg onload=alert(1)> <iframe srcdoc='<script>alert(1)</script>'>",
    "<!-- <script> --> ]]> <![CDATA[ </textarea></title></style><script>alert(1)</script>",
    "javascript:alert(1) data:text/html,<script>alert(1)</script> http://127.0.0.1:9/x.png //127.0.0.1:9/y",
    "right to left \u202e txt.exe \u2066 isolated \u2069 \u200f \u061c hidden \u200b \ufeff \u2060 \u00ad \u2028 \u2029",
    "control \u0001 \u0007 \u0008 \u001b[31m \u007f \u0085 \u009b tab\tend",
    "emoji \U0001f600\U0001f469\u200d\U0001f680\U0001f1e9\U0001f1ea e\u0301 \u0e01\u0e33 \u65e5\u672c\u8a9e \ufffd \ufffe \U000e0041 \U0010ffff",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 <b>123</b>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} `alert(1)` @import url(//127.0.0.1:9); expression(alert(1))",
    "\u2028</script\u2028><script x> '\"><script>alert(1)</script> &lt;script&gt; &#60;script&#62; %3Cscript%3E",
]


def documents():
    for i, attack in enumerate(ATTACKS):
        yield {"id": attack, "text": attack, "__proto__": attack, "constructor": i, "toString": "x", "hasOwnProperty": attack[:40]}
    yield {"id": "__proto__", "text": "__proto__ constructor", "list": ["<b>", {"__proto__": 1}]}
    yield {"id": "long/" + "x" * 20000, "text": "a long id", "a" * 5000: "b" * 50000}
    yield {"id": "one word", "text": "y" * 3000}
    yield {"id": "long line", "text": "The quick brown fox jumps over the lazy dog. " * 3000}
    yield {"id": "spaces", "text": " \t\n" * 200 + "end"}


def queries():
    for i, attack in enumerate(ATTACKS):
        yield {"id": f"{i} {attack}", "prompt": attack[:60], "completion": " " + attack[-12:], "tags": {"__proto__": attack, "constructor": "x"}}
    yield {"id": "__proto__", "prompt": "p " * 40, "completion": " constructor"}


for path, rows in zip(sys.argv[1:], (documents(), queries())):
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
