"""How tools are declared and found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from api.http.tools import declaration
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox, ToolNameTaken, all_tools
from flows.common.callers import Scope


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    what: str = Field(description="What.")


def declared(function, *names, **more):
    toolbox = Toolbox()
    toolbox.tool(*(names or ("it",)), **more)(function)
    return toolbox.tools[0]


def test_the_functions_arguments_are_the_form():
    def find(call: Call, *, name: Annotated[str, Field(description="Whose.")], deep: bool = False):
        """Find it.

        Not to be used for anything else.
        """

    tool = declared(find, "find", "swf_find")
    schema = tool.form.model_json_schema()
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["description"] == "Whose."
    assert schema["properties"]["deep"]["default"] is False
    assert tool.names == ("find", "swf_find")
    assert tool.description == "Find it. Not to be used for anything else."
    assert not tool.writes


def test_a_form_may_be_taken_as_a_whole_and_be_confirmed():
    def order(call: Call, order: Order):
        """Order it."""

    tool = declared(order, scope=Scope.OPERATE, confirm="orders it")
    assert tool.takes_form
    assert list(tool.form.model_fields) == ["what", "confirm"]
    assert tool.description == "Order it. Takes the scope operate."
    assert tool.writes


def test_two_tools_of_one_name_are_refused(monkeypatch):
    def one(call: Call):
        """One."""

    first, second = Toolbox(), Toolbox()
    first.tool("a", "b")(one)
    second.tool("b")(one)
    modules = [SimpleNamespace(toolbox=first), SimpleNamespace(toolbox=second), SimpleNamespace()]
    monkeypatch.setattr(declaration.folders, "modules", lambda _room: modules)
    with pytest.raises(ToolNameTaken, match="two tools have the name b"):
        all_tools()


def test_destructive_tools_take_more_than_reading():
    for tool in all_tools():
        assert not tool.is_destructive or tool.scope is not Scope.READ, tool.name
        assert tool.writes or not tool.is_destructive, tool.name
