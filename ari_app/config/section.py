"""What every section of the configuration is, and which of its fields stand in no file."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from .secrets import Secret


class Section(BaseModel):
    """Frozen, and nothing in it that is not known: a mistyped key must not pass for a default.

    The text below a field is what an administrator reads of its key in docs/configuration.md and in their editor; its
    last sentence may say what holds if the key is left out ("Left out: …").
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        populate_by_name=False,
        use_attribute_docstrings=True,
    )


# A secret comes from elsewhere (`secrets`), so no editor must offer it as a key.
HiddenSecret = Annotated[Secret, SkipJsonSchema()]
HiddenSecretOrNone = Annotated[Secret | None, SkipJsonSchema()]
