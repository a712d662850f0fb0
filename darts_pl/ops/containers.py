"""torch's containers of modules, typed by what they hold: torch declares every entry as `Module`.

At run time these are `nn.ModuleList` and `nn.ModuleDict`, so annotations that say what is in them are quoted.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
    from typing import Generic, TypeVar, overload

    from torch import nn

    Held = TypeVar("Held", bound=nn.Module, covariant=True)

    class ModuleList(nn.ModuleList, Generic[Held]):
        def __init__(self, modules: Iterable[Held]) -> None: ...
        def __iter__(self) -> Iterator[Held]: ...
        @overload
        def __getitem__(self, index: slice) -> "ModuleList[Held]": ...
        @overload
        def __getitem__(self, index: int) -> Held: ...
        def __getitem__(self, index: int | slice) -> "Held | ModuleList[Held]": ...

    class ModuleDict(nn.ModuleDict, Generic[Held]):
        def __init__(self, modules: Mapping[str, Held]) -> None: ...
        def __getitem__(self, name: str) -> Held: ...
        def items(self) -> ItemsView[str, Held]: ...
        def values(self) -> ValuesView[Held]: ...

else:
    from torch.nn import ModuleDict, ModuleList

__all__ = ["ModuleDict", "ModuleList"]
