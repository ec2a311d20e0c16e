"""Names in records that become parts of paths: none may lead out of the folder that it is for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
KeyOrNothing = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
PreviewName = Annotated[str, Field(pattern=r"^previews/[A-Za-z0-9_-]{1,64}\.(png|jpg)$")]
