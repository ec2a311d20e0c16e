"""What a store has of a plan already, and whether it is what was written."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.errors import StoreError
from benchmark.files import file_sha256
from benchmark.schema import CellRecord
from benchmark.store import Store


class Looker:
    """Looks into the store once a key, and sets damaged folders aside.

    Args:
        store: The store.
        mend: Whether damaged folders are set aside; else they are only named.

    Attributes:
        notes: Sentences about them.
    """

    def __init__(self, store: Store, mend: bool) -> None:
        self.store, self.mend = store, mend
        self.notes: list[str] = []
        self._seen: dict[str, bool] = {}

    def cell(self, key: str) -> CellRecord | None:
        """The record of a cell; None where there is none that can be relied on."""
        try:
            record = self.store.cell(key)
        except StoreError as error:
            self._damaged("cells", key, str(error))
            return None
        if record is not None and record.status == "done":
            try:
                self._verify("cells", key, record.files, whole=self.mend)
            except StoreError as error:
                self._damaged("cells", key, str(error))
                return None
        return record

    def has_dataset(self, key: str) -> bool:
        """Whether a dataset is prepared, and as it was written."""
        return self._once("datasets", key, self._dataset)

    def has_extra(self, key: str) -> bool:
        """The same of further unlabelled images."""
        return self._once("unlabelled", key, self._extra)

    def has_pretraining(self, key: str) -> bool:
        """The same of a pretraining."""
        return self._once("pretrained", key, self._pretraining)

    def _once(self, kind: str, key: str, look: Callable[[str], bool]) -> bool:
        name = f"{kind}/{key}"
        if name not in self._seen:
            try:
                self._seen[name] = look(key)
            except StoreError as error:
                self._damaged(kind, key, str(error))
                self._seen[name] = False
        return self._seen[name]

    def _dataset(self, key: str) -> bool:
        record = self.store.dataset(key)
        if record is None:
            return False
        self._verify("datasets", key, record.files)
        return True

    def _extra(self, key: str) -> bool:
        record = self.store.extra_pool(key)
        if record is None:
            return False
        self._verify("unlabelled", key, record.files)
        return True

    def _pretraining(self, key: str) -> bool:
        record = self.store.pretraining(key)
        if record is None or record.status != "done":
            return False
        self._verify("pretrained", key, record.files)
        return True

    def _verify(self, kind: str, key: str, files: dict[str, str], whole: bool = True) -> None:
        """Check that the files of a folder are there, and ``whole`` that they are unchanged."""
        for name, sha256 in files.items():
            path = self.store.root / kind / key / name
            if not path.exists():
                raise StoreError(f"{name} is missing")
            if whole and file_sha256(path) != sha256:
                raise StoreError(f"{name} is not what was written")

    def _damaged(self, kind: str, key: str, reason: str) -> None:
        if self.mend:
            self.notes.append(self.store.set_aside(kind, key, reason))
        else:
            self.notes.append(f"{self.store.root / kind / key} is damaged ({reason})")
