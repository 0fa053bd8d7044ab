"""The contract of an image provider: from a listed file to its pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data_tools.fetch.client import Client
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.method import View
from cvgl_bench.views.images import ImageArray


class Provider(ABC):
    """Gets images of one view over HTTP; a plugin offers classes of its own.

    settings: what the data set's card says under `fetch.tiles` or `fetch.panoramas`, and what the user
        overrides. An unknown or missing setting raises UsageError in the constructor.
    client: used for every request, since it keeps to the rate, the retries and the addresses allowed.
        Tell keys to `client.keep_secret`, so that no message shows them.
    """

    name: ClassVar[str]
    view: ClassVar[View]
    terms: ClassVar[str]
    """What a person must know and accept before using it."""

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        self.client = client
        self.settings = settings

    def require_access(self) -> None:  # noqa: B027 (most providers need none)
        """Raise UsageError where the user's key is missing; called before the first file, by no dry run."""

    @abstractmethod
    def image(self, wanted: Wanted) -> ImageArray:
        """Return the pixels of a file, in its size; called from many threads.

        Raises DataError where the image cannot be had, UsageError where none ever could (a refused key).
        """

    @abstractmethod
    def requests(self, wanted: Wanted) -> int:
        """Return about how many requests a file takes beyond those of the files before it: an estimate."""

    def remarks(self) -> list[str]:
        """Return what a person should know about what came, a line each; called after the last file."""
        return []

    def setting(self, key: str) -> Any:
        """Return a setting, or raise UsageError naming it."""
        try:
            return self.settings[key]
        except KeyError:
            raise UsageError(
                f"The provider '{self.name}' needs the setting '{key}', which the card does not have."
            ) from None
