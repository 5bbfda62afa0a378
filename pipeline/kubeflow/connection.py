"""A connection to a KFP API server (v2beta1), whose refusals are told in words."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.api_core.retry import Retry
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from schemas.errors import UserError

Result = TypeVar("Result")
TOKEN, COOKIES = "LATTICEWORK_KFP_TOKEN", "LATTICEWORK_KFP_COOKIES"
"""The environment variables of what proves who asks; others can read a command line, so neither is taken there."""
_PASSING = (429, 502, 503, 504)
_LONGEST_WAIT = 60.0
_PAGE = 100


class Refused(UserError):
    """The API server said no, or nothing."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.exit_status = 1


@dataclass(frozen=True)
class Endpoint:
    """Where a KFP API server is and how one proves who one is.

    Attributes:
        host: its URL (KF_PIPELINES_ENDPOINT where empty); without one, the kubeconfig's cluster is asked by way of the
            Kubernetes API, as `kubectl port-forward` does.
        namespace: of KFP's service, and of the user's runs where there are several.
        token_file: a file with a bearer token, read anew for each connection, such as a mounted service-account token.
        kube_context: of the kubeconfig; the current one where empty.
        ca: a file with the certificate authority of `host`.
    """

    host: str = ""
    namespace: str = "kubeflow"
    token_file: Path | None = None
    kube_context: str = ""
    ca: Path | None = None

    def connect(self) -> Kubeflow:
        """Opens a connection.

        Raises:
            UserError: nothing says where the server is, or a file cannot be read.
        """
        import kfp

        token = os.environ.get(TOKEN)
        if self.token_file is not None:
            try:
                token = self.token_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise UserError(f"{self.token_file}: the token cannot be read ({error.strerror})") from None

        class Client(kfp.Client):  # type: ignore[misc]
            """kfp's, whose first question is not asked five times in 25 seconds, and whose way through the Kubernetes
            API outlives the renewal of a kubeconfig's token (which sets the host to that API's own)."""

            def _load_config(self, *arguments: Any, **named: Any) -> Any:
                with contextlib.redirect_stdout(io.StringIO()):
                    configuration = super()._load_config(*arguments, **named)
                if configuration.host in ("", "http://localhost"):  # kfp's own default, where nothing says where
                    raise UserError(
                        "where is Kubeflow Pipelines? Give --host, set KF_PIPELINES_ENDPOINT, or have its kubeconfig"
                    )
                host, renew = configuration.host.rstrip("/"), configuration.refresh_api_key_hook

                def renewed(one: Any) -> None:
                    if renew is not None:
                        renew(one)
                    one.host, one.refresh_api_key_hook = host, renewed

                configuration.host, configuration.refresh_api_key_hook = host, renewed
                return configuration

            def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
                return self._healthz_api.healthz_service_get_healthz()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                client = Client(
                    host=self.host or None, namespace=self.namespace, existing_token=token,
                    cookies=os.environ.get(COOKIES), kube_context=self.kube_context or None,
                    ssl_ca_cert=str(self.ca) if self.ca else None,
                )  # fmt: skip
            except UserError:
                raise
            except ApiException as error:
                raise Refused(f"{self.host}: {_words(error)}", error.status or 0) from None
            except Exception as error:  # kfp and the Kubernetes client raise many kinds
                why = type(error).__name__ if isinstance(error, HTTPError) else str(error)
                raise Refused(
                    f"{self.host or 'kubeconfig'}: no connection to Kubeflow Pipelines ({why}); is it reachable?", 0
                ) from None
        configuration = client._existing_config
        through = None if self.host or os.environ.get("KF_PIPELINES_ENDPOINT") else self.kube_context
        return Kubeflow(client, configuration.host, self.namespace, through)


class Kubeflow:
    """A connection.

    Args:
        client: a `kfp.Client`.
        host: where the API server is, for messages and links.
        namespace: of the user's experiments.
        kube_context: of the kubeconfig by which the server is reached ("" for the current one); None where it is not.
    """

    def __init__(self, client: Any, host: str, namespace: str, kube_context: str | None = None) -> None:
        self.client, self.host, self.namespace, self.kube_context = client, host, namespace, kube_context

    def ask(self, what: str, call: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Calls the API; 429 and 502 to 504 are tried again for a minute, after 1 s, 2 s, 4 s …

        Args:
            what: what is asked for, for the message of a refusal.
            call: a method of the client.
            *arguments, **named: of the method.

        Raises:
            Refused: with the status and the server's words.
        """
        again = Retry(predicate=_passes, initial=1.0, multiplier=2.0, maximum=20.0, timeout=_LONGEST_WAIT)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # kfp prints links
                result: Result = again(call)(*arguments, **named)
                return result
        except Exception as error:
            cause = error.__cause__ if not isinstance(error, ApiException | HTTPError) else error
            if isinstance(cause, ApiException):
                raise Refused(f"{self.host}: {what}: {_words(cause)}", cause.status or 0) from None
            if isinstance(cause, HTTPError):
                raise Refused(f"{self.host}: {what}: no answer ({type(cause).__name__}); is it reachable?", 0) from None
            raise

    def all_pages(self, what: str, field: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> list[Any]:
        """All items of a list that the API gives page by page.

        Args:
            what: what is asked for, for the message of a refusal.
            field: of a page, the one that has its items.
            call: a method of the client that takes `page_token` and `page_size`.
            *arguments, **named: more of the method.

        Raises:
            Refused: with the status and the server's words.
        """
        found: list[Any] = []
        token = ""
        while True:
            page = self.ask(what, call, *arguments, page_token=token, page_size=_PAGE, **named)
            found += getattr(page, field) or []
            token = page.next_page_token or ""
            if not token:
                return found

    def run_link(self, run_id: str) -> str:
        """The page of a run in KFP's user interface."""
        return f"{self.client._get_url_prefix()}/#/runs/details/{run_id}"

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made where it is not there."""
        made = self.ask(f"experiment '{name}'", self.client.create_experiment, name, namespace=self.namespace)
        return str(made.experiment_id)


def _passes(error: BaseException) -> bool:
    return isinstance(error, ApiException) and error.status in _PASSING


def _words(error: ApiException) -> str:
    """What a refusal means and what to do, with the server's own words."""
    try:
        said = json.loads(error.body or "{}")
        said = said.get("message") or said.get("error") or ""
    except (ValueError, AttributeError):
        said = (error.body or "") if isinstance(error.body, str) else ""
    advice = {
        401: f"it does not know who asks (401); set {TOKEN} or {COOKIES}, or give --token-file",
        403: "you may not do that (403); the service account needs a role for it, see docs/on-a-cluster.md",
        404: "there is no such thing (404)",
        409: "it is there already (409)",
        503: "it was not available for a minute (503); try again later",
    }.get(error.status, f"it answered {error.status} {error.reason}")
    return f"{advice}: {said.splitlines()[0][:300]}" if said else advice
