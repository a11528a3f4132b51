# SPDX-License-Identifier: MIT
"""Answers as HTML for notebooks. Documents are hostile text: all of it is escaped."""
from __future__ import annotations

import html
from typing import TYPE_CHECKING, List, Tuple

if TYPE_CHECKING:
    from .run import Answer, Result, Run, Token

_MAX_TOKENS = 160  # of a document that are shown, around the one with the largest share
_STYLE = "text-align:left;vertical-align:top"


def _merge(tokens: List["Token"]) -> List[Tuple[str, float]]:
    """Texts of whole characters with their shares: tokens that are parts of a character are joined."""
    merged, held, score = [], b"", 0.0
    for token in tokens:
        held, score = held + token.bytes, score + token.score
        try:
            merged.append((held.decode(), score))
        except UnicodeDecodeError as error:
            if error.end < len(held) or error.reason != "unexpected end of data":
                merged.append((held.decode("utf-8", "replace"), score))
            else:
                continue
        held, score = b"", 0.0
    return merged + ([(held.decode("utf-8", "replace"), score)] if held else [])


def _heat(result: "Result") -> str:
    pieces = _merge([token for token in result.tokens if not token.is_special])
    if not pieces:
        return html.escape((result.text or "")[:1000])
    largest = max(abs(score) for _, score in pieces) or 1.0
    centre = max(range(len(pieces)), key=lambda i: abs(pieces[i][1]))
    first = max(0, min(centre - _MAX_TOKENS // 2, len(pieces) - _MAX_TOKENS))
    spans = []
    for piece, score in pieces[first:first + _MAX_TOKENS]:
        colour = "214,96,30" if score > 0 else "45,108,180"
        spans.append(f'<span title="{score:.4g}" style="background:rgba({colour},{0.7 * abs(score) / largest:.2f})">'
                     f"{html.escape(piece)}</span>")
    before, after = "…" * (first > 0), "…" * (first + _MAX_TOKENS < len(pieces))
    return before + "".join(spans) + after


def _row(result: "Result") -> str:
    place = ":".join(str(part) for part in (result.source, result.member, result.line or None) if part)
    tags = " · ".join(f"{key}={value}" for key, value in result.tags.items())
    return (f'<tr><td>{result.rank}</td><td style="text-align:right">{result.score:+.4g}</td>'
            f'<td style="{_STYLE};white-space:pre-wrap"><small>{html.escape(place)}<br>{html.escape(tags)}</small><br>'
            f'<span dir="auto">{_heat(result)}</span></td></tr>')


def answer(found: "Answer") -> str:
    query = found.query
    rows = [f'<tr><th colspan="3" style="{_STYLE}">{title}</th></tr>' + "".join(map(_row, results))
            for title, results in (("Documents that most favour the completion", found.top),
                                   ("Documents that most oppose it", found.bottom)) if results]
    asked = html.escape(query.prompt or query.id), html.escape(query.completion or "")
    return (f'<p dir="auto" style="white-space:pre-wrap">{asked[0]}<b>{asked[1]}</b></p>'
            f"<p><small>loss {query.loss:.4g} nats over {query.n_completion_tokens} tokens; "
            f"{html.escape(found.setting.strategy)}, damping {found.setting.damping:g}. The sign and the order of scores "
            f"tell; their size does not.</small></p><table>{''.join(rows)}</table>")


def run(of: "Run") -> str:
    rows = "".join(f'<tr><td style="{_STYLE}">{html.escape(a.query.id)}</td>'
                   f'<td style="{_STYLE}">{html.escape(a.query.prompt or "")}<b>{html.escape(a.query.completion or "")}</b>'
                   f'</td><td>{a.query.loss:.4g}</td><td style="{_STYLE}">{html.escape(a.top[0].id) if a.top else ""}</td></tr>'
                   for a in of.answers()[:50])
    left = f"<p><small>… and {of.n_queries - 50} more</small></p>" if of.n_queries > 50 else ""
    return (f"<p>{of.n_queries} queries × {of.n_documents} documents</p><table><tr><th>query</th><th>prompt, completion"
            f"</th><th>loss</th><th>first document</th></tr>{rows}</table>{left}")
