"""Prefect's API as a browser uses it: with user and password, and a CSRF token for each change."""

import secrets
from typing import Any

import httpx

from unvoiced.errors import AccessError, StoreError


class Api:
    """A server's API; `url` ends in /api, `auth` is `user:password`."""

    def __init__(self, url: str, auth: str, seconds: float = 30) -> None:
        user, _, password = auth.partition(":")
        self.url = url
        # No proxy of the user's: the server is on this machine.
        self._http = httpx.Client(
            base_url=url, auth=(user, password), timeout=seconds, trust_env=False
        )
        self._client_id = secrets.token_hex(16)
        self._token = ""

    def answers(self) -> bool:
        """Whether it can be reached, and is ready; it is not told who asks."""
        try:
            return self._http.get("/ready", auth=None).is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        """What stands there; None where nothing does."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """Ask for something, or make it."""
        return self._asked("POST", path, body)

    def patch(self, path: str, body: Any) -> None:
        """Change it."""
        self._asked("PATCH", path, body)

    def find(self, kind: str, **query: Any) -> list[dict[str, Any]]:
        """All that it has of a kind (`flow_runs`, `deployments`), oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.post(f"/{kind}/filter", query | {"limit": 200, "offset": len(found)})
            found += page
            if len(page) < 200:
                return sorted(found, key=lambda one: str(one["created"]))

    def _asked(self, method: str, path: str, body: Any) -> Any:
        try:
            answer = self._answer(method, path, body)
            if answer.status_code == httpx.codes.FORBIDDEN:  # the token has expired
                self._token = ""
                answer = self._answer(method, path, body)
        except httpx.TransportError as error:
            raise StoreError(
                f"the Prefect server does not answer: {type(error).__name__}"
            ) from None
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise AccessError("the Prefect server has another password than this")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise StoreError(f"the Prefect server says {answer.status_code} to {method} {path}")
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: Any) -> httpx.Response:
        headers = {} if method == "GET" else self._of_csrf()
        return self._http.request(method, path, json=body, headers=headers)

    def _of_csrf(self) -> dict[str, str]:
        if not self._token:
            answer = self._http.get("/csrf-token", params={"client": self._client_id})
            if answer.is_success:
                self._token = str(answer.json()["token"])
        return {"Prefect-Csrf-Client": self._client_id, "Prefect-Csrf-Token": self._token}
