"""Google Drive on the loopback: what its pages look like, and requests to Google's hosts led to a server of the test's own.

The pages are those that Drive shows, without styles and scripts: gdown and the library read nothing else of them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from http_server import Answer, Server
from requests.adapters import HTTPAdapter

ID = "1RILKwUdjjBBngB17JHwhZNBEaW4Mr-Ml"
HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com", "accounts.google.com")
HTML = {"Content-Type": "text/html; charset=utf-8"}
FILE = {"Content-Type": "application/octet-stream", "Content-Disposition": 'attachment; filename="netG.pth"'}
LOGIN = "https://accounts.google.com/v3/signin/identifier?continue=https://drive.google.com/uc&service=wise"


def page(title: str, body: str, status: int = 200) -> Answer:
    """An answer that is a page, in one line, as Drive's are."""
    head = f'<html><head><title>{title}</title><meta http-equiv="content-type" content="text/html; charset=utf-8"/>'
    style = '<style nonce="x">.uc-error{color:red} /* quota 404 access denied */</style></head>'
    text = f"<!DOCTYPE html>{head}{style}<body>{body}</body></html>"
    return Answer(text.encode(), status=status, etag=None, headers=HTML)


def file(body: bytes, **behaviour: Any) -> Answer:
    """An answer that is the file itself; without an ETag, since gdown 5 asks for parts without one."""
    return Answer(body, etag=None, headers=FILE, **behaviour)


SCAN = page(
    "Google Drive - Virus scan warning",
    '<div class="uc-main"><div id="uc-text"><p class="uc-warning-caption">Google Drive can\'t scan this file for viruses.</p>'
    f'<p class="uc-warning-subcaption"><span class="uc-name-size"><a href="/open?id={ID}">netG.pth</a> (208M)</span> is too large '
    'for Google to scan for viruses. Would you still like to download this file?</p><form id="download-form" '
    'action="https://drive.usercontent.google.com/download" method="get"><input type="submit" id="uc-download-link" '
    f'value="Download anyway"/><input type="hidden" name="id" value="{ID}"><input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="0a1b"></form></div></div>',
)
QUOTA = page(
    "Google Drive - Quota exceeded",
    '<div class="uc-main"><div id="uc-text"><p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this '
    'time.</p><p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try accessing the '
    "file again later. If the file you are trying to access is particularly large or is shared with many people, it may take up to "
    "24 hours to be able to view or download the file.</p></div></div>",
)
TO_LOGIN = Answer(status=303, etag=None, headers=HTML | {"Location": LOGIN})
SIGN_IN = page("Google Drive: Sign-in", "<h1>Sign in</h1><p>to continue to Google Drive</p><form><input name='identifier'></form>")
NEED_ACCESS = page("Google Drive - Access Denied", "<p>You need access</p><p>Ask for access, or switch to an account.</p>")
DELETED = page(
    "Error 404 (Not Found)!!1", "<p><b>404.</b> <ins>That is an error.</ins><p>The requested URL was not found.", status=404
)
IN_TRASH = page("Google Drive", "<p>Sorry, the file you have requested does not exist.</p>")
ROBOT = page("Sorry...", "<p>... but your computer or network may be sending automated queries.</p>", status=403)
TROUBLE = page("Error 503 (Server Error)!!1", "<p><b>503.</b> The service is unavailable.</p>", status=503)
PLAIN = page("Something new", "<p>Welcome to the new Drive.</p>")


class ToLoopback(HTTPAdapter):
    """Sends a request for https://HOST/PATH to SERVER/HOST/PATH, and gives the answer out as HOST's own."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.server = server

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        asked = request.url
        parts = urlsplit(asked)
        request.url = f"{self.server}/{parts.hostname}{parts.path}?{parts.query}"
        try:
            response = super().send(request, *args, **options)
        finally:
            request.url = asked
        response.url = asked
        return response


def lead_to(server: Server | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every session of `requests` has this server in place of Google's; gdown makes its own sessions."""
    address = server if isinstance(server, str) else server.url("")
    begin = requests.Session.__init__

    def begin_led(session: requests.Session) -> None:
        begin(session)
        for host in HOSTS:
            session.mount(f"https://{host}/", ToLoopback(address))

    monkeypatch.setattr(requests.Session, "__init__", begin_led)
