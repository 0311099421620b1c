"""`write_gallery`: a batch's results as one page to look at, to filter and to pass on; it asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from ..batch.manifest import Record, latest
from ..batch.naming import short_names
from ..batch.sheets import ending, thumbnail
from ..errors import PictureError
from ..files import is_marked, numbered, whole_file

PAGE = Path(__file__).with_name("page")
QUALITY = 85
PLACES = re.compile(r"@(TITLE|CSS|CSS_HASH|JS|JS_HASH)@")
SHARED = {"css": ("common.css", "gallery.css"), "js": ("dom.js", "viewer.js", "gallery.js")}
"""Its style and its script: first what it has in common with the page of `cxstyle serve`."""
EXPORT = re.compile("^export ", re.MULTILINE)
"""What makes a name of a module one that others can import; the gallery is no module."""
OWN_ROWS = ("description", "seed")
"""Settings that the page shows elsewhere, or that say nothing of one run."""


def write_gallery(folder: Path, records: Iterable[Record], *, title: str = "cxstyle") -> Path:
    """Writes a batch as index.html, numbered where that is no gallery: one file, with no request to anywhere.

    Results, sources and targets are in it as JPEGs of 512 px up to 150 results, 320 px up to 1500 and 192 px above. The
    files themselves are linked to, so the page stays in the batch's folder, or loses these links. Pictures go to the
    file as they are read: memory doesn't grow with their number.

    Args:
        folder: of the batch: outputs count from it, and the page goes there.
        records: of its manifest; of several for one output the last counts.
        title: of the page.

    Returns:
        The page's path.

    Raises:
        OutputError: it can't be written; what stood there before is untouched.
    """
    kept = latest(records)
    edge = 512 if len(kept) <= 150 else 320 if len(kept) <= 1500 else 192
    head, tail = frame(title)
    start = head.split(b"sha256-", 1)[0]
    path = next(p for p in numbered(folder / "index.html") if not os.path.lexists(p) or is_marked(p, start))
    with whole_file(path) as file:
        file.write(head)
        content = {"title": title} | Writer(file, folder, edge).write(kept)
        file.write(utf8(f'<script type="application/json" id="data">{safe_json(content)}</script>'))
        file.write(tail)
    return path


def frame(title: str) -> tuple[bytes, bytes]:
    """The page before and after its data, style and script in it: its own Content-Security-Policy lets these alone act,
    by their hashes."""
    filled = {"TITLE": html.escape(title)}
    for name, files in SHARED.items():
        parts = [(PAGE / file).read_text(encoding="utf-8") for file in files]
        filled[name.upper()] = content = EXPORT.sub("", "".join(parts))
        digest = hashlib.sha256(utf8(content)).digest()
        filled[f"{name.upper()}_HASH"] = f"sha256-{base64.b64encode(digest).decode()}"
    template = (PAGE / "gallery.html").read_text(encoding="utf-8")
    head, tail = (PLACES.sub(lambda place: filled[place[1]], part) for part in template.split("@DATA@"))
    return utf8(head), utf8(tail)


class Writer:
    """Writes the pictures of a batch to the page's file, and gathers what the page is to know of them."""

    def __init__(self, file: BinaryIO, folder: Path, edge: int) -> None:
        self.file, self.folder, self.edge, self.count = file, folder, edge, 0
        self.settings: dict[str, int] = {}

    def write(self, records: Sequence[Record]) -> dict[str, Any]:
        """Writes each picture once, a script of its own that runs nothing; returns the rest."""
        names = short_names(path for record in records for path in (record["source"], *record["targets"]))
        originals = [self._add(Path(path)) | {"name": name, "path": path} for path, name in names.items()]
        indices = {path: index for index, path in enumerate(names)}
        results = [self._result(record, indices) for record in records]
        settings = [json.loads(content) for content in self.settings]
        return {"originals": originals, "results": results, "settings": settings}

    def _add(self, path: Path) -> dict[str, Any]:
        """Writes a picture; returns its number and size, or why there is none."""
        try:
            picture = thumbnail(path, self.edge)
        except PictureError as error:
            return {"picture": None, "note": str(error)}
        number, self.count = self.count, self.count + 1
        picture.save(content := io.BytesIO(), "JPEG", quality=QUALITY)
        self.file.write(b'<script type="text/plain" id="picture-%d">' % number)
        self.file.write(base64.b64encode(content.getvalue()) + b"</script>\n")
        return {"picture": number, "width": picture.width, "height": picture.height}

    def _result(self, record: Record, indices: Mapping[str, int]) -> dict[str, Any]:
        failed = record["status"] == "failed"
        found = {"picture": None} if failed else self._add(self.folder / record["output"])
        losses = {name: finite(value) for name, value in record.get("losses", {}).items()}
        settings = json.dumps(flat(record.get("settings", {})))
        return found | {
            "output": record["output"],
            # Of any name a path below the page, whatever it looks like: "javascript:" and "//host" included.
            "href": "./" + quote(record["output"], safe="/", errors="surrogateescape"),
            "source": indices[record["source"]],
            "targets": [indices[target] for target in record["targets"]],
            "weights": record.get("target_weights"),
            "preset": str(record.get("preset") or "own settings"),
            "seed": str(record.get("seed", 0)),
            "status": record["status"],
            "reason": ending(record) or found.get("note", ""),
            "losses": losses,
            "style": summed(losses, "style"),
            "content": summed(losses, "content"),
            "seconds": finite(record.get("seconds", {}).get("loop")),
            "time": record["time"],
            "facts": facts(record),
            "settings": self.settings.setdefault(settings, len(self.settings)),
        }


def facts(record: Record) -> list[tuple[str, str]]:
    seconds, targets = record.get("seconds", {}), record["targets"]
    before = f", {seconds['before_loop']:.1f} s before it" if "before_loop" in seconds else ""
    told = {
        "File": record["output"],
        "Size": " x ".join(map(str, record["size"])) + " px" if record.get("size") else "",
        "Iterations": record.get("iterations"),
        "Time": f"{seconds['loop']:.1f} s{before}" if "loop" in seconds else "",
        "Finished": f"{str(record['time'])[:19].replace('T', ' ')} UTC",
        "Source": record["source"],
        "Target" if len(targets) == 1 else "Targets": ", ".join(targets),
        "Source mask": record.get("source_mask"),
        "Target masks": ", ".join(record.get("target_masks") or ()),
        **{name.capitalize(): record.get(name) for name in ("device", "host", "precision", "features")},
        "Versions": ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items()),
    }
    return [(name, str(value)) for name, value in told.items() if value]


def flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as rows to read, one for each term: {"optimizer lr": "0.02", "contextual to target": "weight 1"}."""
    rows: dict[str, str] = {}
    for name, value in settings.items():
        if name == "terms":
            for term in value:
                label = " to ".join(filter(None, (term["loss"], term.get("compare"))))
                number = sum(row == label or row.startswith(f"{label} (") for row in rows)
                rows[f"{label} ({number + 1})" if number else label] = readable_term(term)
        elif isinstance(value, Mapping):
            rows |= {f"{name} {key}": readable(inner) for key, inner in value.items()}
        elif name not in OWN_ROWS:
            rows[name] = readable(value)
    return rows


def readable_term(term: Mapping[str, Any]) -> str:
    """A loss term's settings; of one that looks at no layers its weight is all there is."""
    names = [name for name in term if name not in ("loss", "compare")] if term.get("layers") else ["weight"]
    return ", ".join(f"{name} {readable(term[name], ' ')}" for name in names if name in term)


def readable(value: Any, between: str = ", ") -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return between.join(f"{name}: {readable(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return between.join(readable(inner) for inner in value)
    return str(value)


def finite(value: Any) -> float | None:
    """A number that JSON has: what is none, or not finite, becomes nothing."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def summed(losses: Mapping[str, float | None], kind: str) -> float | None:
    """Of all layers that compare with one picture; nothing where there are none, or one is not finite."""
    found = [value for name, value in losses.items() if name.split(" ")[0] == kind]
    return sum(value for value in found if value is not None) if found and None not in found else None


def safe_json(content: Any) -> str:
    """JSON that stands in a script element and stays in it, whatever texts it holds."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda letter: f"\\u{ord(letter[0]):04x}", text)


def utf8(text: str) -> bytes:
    """Encoded; letters that are none, as in names of broken encoding, become question marks."""
    return text.encode("utf-8", "replace")
