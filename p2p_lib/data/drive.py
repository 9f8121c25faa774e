"""Files from Google Drive, through gdown: either of its majors (5.2 and 6), and one sentence for whatever Drive answers instead.

gdown knows the pages that lie between a file and its reader. What is added here: a transfer that breaks off is gone on with, and
where Drive shows a page in place of the file, that page is read once more, since gdown does not say which one it was.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from p2p_lib.errors import DownloadError

ATTEMPTS = 3
TIMEOUT = (10, 60)  # seconds: to connect, and of silence
PAGE_LENGTH = 1 << 18
HEAD = 1 << 12
HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
WITH_ID = ("/uc", "/open", "/download")  # what stands before ?id=

QUOTA = (
    "too many people fetched the file lately, so Drive's quota for it is used up; it comes back within 24 hours, and until then "
    'whoever is signed in to Google can often "Make a copy" of the file and download that'
)
ROBOT = "Drive takes this network for a robot that asks too often; try again later, or from another network"
DELETED = "Drive has no such file any more, its owner has deleted or moved it; ask there for its new place"
NOT_SHARED = "the file is not shared with everyone; ask its owner for access"


def drive_page(file_id: str) -> str:
    """The address where a browser shows a file of Google Drive."""
    return f"https://drive.google.com/file/d/{file_id}/view"


def drive_id(url: str) -> str | None:
    """The id of the file that an address of Google Drive stands for, in any of the forms that Drive gives out; None for any other.

    DownloadError where it is an address of Drive, but not of a file: a folder, a document.
    """
    parts = urlsplit(url)
    if parts.hostname not in HOSTS:
        return None
    in_path = re.search(r"/file/(?:u/\d+/)?d/([\w-]+)", parts.path)
    in_query = parse_qs(parts.query).get("id", [""])[0] if parts.path in WITH_ID else ""
    file_id = in_path[1] if in_path else in_query
    if not re.fullmatch(r"[\w-]+", file_id):
        raise DownloadError(f"{url} is no file of Google Drive; give the link of a single file, as Drive's Share menu copies it.")
    return file_id


def download_from_drive(file_id: str, target: Path) -> bool:
    """Fetch a file that is shared with everyone to `target`, which must not be there; returns whether it is made of pieces.

    `target` should have a folder of its own: what has arrived of a transfer that broke off stays there, named ``*.part``, and the
    next call goes on from it. Whether what came is the right file, the caller has to check, above all where it is made of pieces
    (gdown 5 joins them unseen). DownloadError says in a sentence why there is none; OSError where it cannot be written.
    """
    try:
        import gdown  # noqa: F401 - asked for first, so that its absence is not taken for trouble with Drive
        import requests
        from gdown.exceptions import FileURLRetrievalError
    except ImportError as error:
        raise DownloadError(
            f"Google Drive needs the package {error.name}, which is not installed: pip install {error.name}."
        ) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    reason = ""
    for _ in range(ATTEMPTS):
        before = arrived(target)
        try:
            _gdown(file_id, target)
            if not (before and _begins_again(target, before)):
                return before > 0
            target.unlink()
            reason = "what came is not the rest of the file"
            continue
        except FileURLRetrievalError as error:
            raise DownloadError(f"{drive_page(file_id)}: {_refusal(file_id, str(error))}.") from error
        except OSError as error:
            if not isinstance(error, requests.RequestException):
                raise
            reason = _broken_off(error)
            unreachable = isinstance(error, (requests.ConnectionError, requests.Timeout))
        except Exception as error:  # gdown's two majors raise kinds of their own, and KeyError over an odd answer
            reason, unreachable = f"gdown reports: {_in_a_line(error)}", False
        if arrived(target) <= before:
            if unreachable or not before:
                break
            forget(target)  # what is here cannot be gone on with
    kept = arrived(target)
    here = f"; {kept / 1e6:.1f} MB have arrived and are gone on with" if kept else ""
    raise DownloadError(f"{drive_page(file_id)}: {reason}; check the connection and try again{here}.")


def arrived(target: Path) -> int:
    """The bytes that are here of a file whose transfer broke off."""
    return sum(path.stat().st_size for path in _parts(target))


def forget(target: Path) -> None:
    """Remove what is here of a file whose transfer broke off."""
    for path in _parts(target):
        path.unlink(missing_ok=True)


def _begins_again(path: Path, start: int) -> bool:
    """Whether what lies in a file from `start` on is not its rest but the whole once more, or a page: gdown 5 does not look."""
    with open(path, "rb") as file:
        head = file.read(min(start, HEAD))
        file.seek(start)
        more = file.read(HEAD)
    return more[: len(head)] == head or more.lstrip().lower().startswith((b"<!doctype", b"<html"))


def _parts(target: Path) -> list[Path]:
    return [path for path in target.parent.glob("*.part") if path.name.startswith(target.name)]


def _gdown(file_id: str, target: Path) -> None:
    """One call of gdown, with what both majors understand; 6 alone can be told not to wait for ever."""
    import gdown

    patience: dict[str, Any] = {"timeout": TIMEOUT} if "timeout" in inspect.signature(gdown.download).parameters else {}
    messages = {"start": f"Fetching {target.name}.\n", "output": ""}
    gdown.download(id=file_id, output=str(target), resume=True, use_cookies=False, log_messages=messages, **patience)


def _refusal(file_id: str, words: str) -> str:
    """Why Drive does not hand out a file, from the page that it shows instead (`words`: what gdown made of it)."""
    status, host, page = _page(file_id)
    text = re.sub(r"\s+", " ", re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", page)) + words
    if re.search("(?i)quota|too many users|too many times", text):
        return QUOTA
    if status == 429 or re.search("(?i)automated queries|unusual traffic", text):
        return ROBOT
    if status in (404, 410) or re.search("(?i)does not exist|in the trash", text):
        return DELETED
    if status in (401, 403) or host == "accounts.google.com" or re.search("(?i)need access|request access|access denied", text):
        return NOT_SHARED
    if status >= 500:
        return f"Drive is out of order (it answers {status}); try again later"
    title = re.search("(?is)<title[^>]*>(.{1,200}?)</title", page)
    what = f'the page "{_in_a_line(title[1])}"' if title else "a page"
    return f"Drive shows {what} in place of the file; look at it in a browser, or try again later"


def _page(file_id: str) -> tuple[int, str, str]:
    """What Drive answers to the address that gdown asks for: status, host after redirects, text; 0 where nothing comes."""
    import requests

    try:
        with requests.get(f"https://drive.google.com/uc?id={file_id}", stream=True, timeout=TIMEOUT) as response:
            text = next(response.iter_content(PAGE_LENGTH), b"").decode(errors="replace")
            return response.status_code, urlsplit(response.url).hostname or "", text
    except requests.RequestException:
        return 0, "", ""


def _broken_off(error: Exception) -> str:
    """What happened to the connection."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "no safe connection can be made (its certificate is not accepted)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let this through"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return "Google Drive cannot be reached"
    return f"the server reports: {_in_a_line(error)}"


def _in_a_line(words: object) -> str:
    return (" ".join(str(words).split())[:200] or type(words).__name__).rstrip(".")
