"""From outcomes to findings, and from findings to standings."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compendium.checking.argument import attackers_of, brought_down_by, ends_of, graph_of, reasons_for, resting_on, standings
from compendium.checking.deciding import decide
from compendium.model.claim import Basis, Claim, Finding, Passage, Standing, Strength, Verdict
from compendium.model.column import Column, same_members
from compendium.model.outcome import Outcome, all_of, any_of, states
from compendium.model.quantity import Quantity

CLAIM = Claim("A4.1", Passage("A4", "Somewhere", 1, 2), "figure", "Something is so.")
TRUTHS = st.sampled_from([True, False, None])


def outcome(rounded: bool | None, truncated: bool | None) -> Outcome:
    return Outcome.single("compared", rounded, truncated)


@pytest.mark.parametrize(
    ("rounded", "truncated", "rule", "verdict", "strength"),
    [
        (True, True, "either", "holds", None),
        (False, True, "either", "holds", None),
        (False, True, "rounded", "fails", "doubtful"),
        (False, True, "truncated", "holds", None),
        (False, False, "either", "fails", "proved"),
        (None, False, "either", "reported", None),
    ],
)
def test_verdicts(rounded, truncated, rule, verdict, strength) -> None:
    finding = decide(CLAIM, outcome(rounded, truncated), Basis.TABLE, "How.", rounding=rule)
    assert (str(finding.verdict), finding.strength and str(finding.strength)) == (verdict, strength)


def test_only_truncation_is_said() -> None:
    assert "cut off" in decide(CLAIM, outcome(False, True), Basis.TABLE, "How.").because


@pytest.mark.parametrize(
    ("basis", "strength"),
    [("arithmetic", "proved"), ("table", "proved"), ("chapter", "conflict"), ("volume", "conflict"), ("volumes", "conflict"), ("open-data", "doubtful")],
)
def test_strength_follows_the_basis(basis: str, strength: str) -> None:
    assert decide(CLAIM, outcome(False, False), Basis(basis), "How.").strength == strength


def test_strength_can_be_said() -> None:
    finding = decide(CLAIM, outcome(False, False), Basis.TABLE, "How.", fails_as=Strength.DOUBTFUL)
    assert finding.strength is Strength.DOUBTFUL


@given(TRUTHS, TRUTHS)
def test_or_is_and_of_negations(a, b) -> None:
    x, y = outcome(a, a), outcome(b, b)
    assert (x | y).rounded == (~(~x & ~y)).rounded
    assert (x | y).rounded is (True if True in (a, b) else None if None in (a, b) else False)


def test_outcomes_have_no_truth_value() -> None:
    with pytest.raises(TypeError, match="join outcomes"):
        bool(states("so", True))


def test_an_empty_test_is_refused() -> None:
    for join in (all_of, any_of):
        with pytest.raises(ValueError, match="nothing to test"):
            join([])


def test_a_failing_comparison_is_told_first() -> None:
    joined = states("first is so", True) & states("second is not", False)
    assert decide(CLAIM, joined, Basis.TABLE, "How.").because == "1 of 2 comparisons fail: second is not."


def column(**values: str) -> Column:
    return Column({k: Quantity.printed(v, label=k) for k, v in values.items()}, ["blank"], "test")


def test_columns() -> None:
    c = column(a="10", b="30", c="20")
    assert c.ranked() == ["b", "c", "a"]
    assert c.rank_of("a") == 3
    assert str(c.max()) == "30"
    assert str(c.sum()) == "60"
    assert c.largest_is("b").rounded is True
    assert c.largest_is("b", by=2).rounded is False
    assert c.smallest_is("a").rounded is True
    assert c.falls_in_order(["b", "c", "a"]).rounded is True
    assert (c / 10)["b"].agrees(3).rounded is True
    assert (c - c)["a"].agrees(0).rounded is True
    assert c.identical_rows(column(a="10", b="31")) == ["a"]
    assert list(c.blank_as_zero()) == ["a", "b", "c", "blank"]
    assert list(c.without("a")) == ["b", "c"]
    assert c.count(lambda q: q > 15) == 2


def test_a_row_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="prints no number"):
        column(a="1")["blank"]
    with pytest.raises(KeyError, match="is not among a"):
        column(a="1")["z"]


def test_same_members_says_who_is_missing() -> None:
    found = same_members(["Russia", "Peru"], ["Russia", "China"])
    assert found.rounded is False
    assert "Peru" in found.steps[0].text
    assert "China" in found.steps[0].text


# Standing


def finding(claim: str, verdict: str, strength: str | None = None) -> Finding:
    return Finding(claim, Verdict(verdict), Basis.TABLE, Strength(strength) if strength else None, "", "")


def graph(*edges: tuple[str, str, str]) -> nx.DiGraph:
    g: nx.DiGraph = nx.DiGraph()
    for a, b, kind in edges:
        g.add_edge(a, b, kind=kind)
    return g


def test_a_thesis_falls_with_all_its_reasons_and_is_weakened_by_one() -> None:
    g = graph(("a", "t", "support"), ("b", "t", "support"))
    one = standings(g, {"a": finding("a", "fails", "proved")})
    both = standings(g, {k: finding(k, "fails", "proved") for k in "ab"})
    assert (one["t"], both["t"]) == (Standing.WEAKENED, Standing.FALLS)


def test_a_conflict_weakens_and_does_not_fell() -> None:
    assert standings(graph(("a", "t", "support")), {"a": finding("a", "fails", "conflict")}) == {"a": "weakened", "t": "stands"}


def test_attack_and_defence() -> None:
    g = graph(("a", "t", "attack"), ("d", "a", "attack"))
    assert standings(g, {}) == {"a": "falls", "t": "stands", "d": "stands"}


def test_mutual_attack_is_disputed() -> None:
    assert set(standings(graph(("a", "b", "attack"), ("b", "a", "attack")), {}).values()) == {Standing.DISPUTED}


NODES = "abcdefg"
edges = st.lists(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES), st.sampled_from(["support", "attack"])).filter(lambda e: e[0] != e[1]),
    max_size=12, unique_by=lambda e: e[:2],
)  # fmt: skip
failed = st.sets(st.sampled_from(NODES), max_size=3)


def build(chosen) -> nx.DiGraph:  # type: ignore[no-untyped-def]
    g = graph(*chosen)
    g.add_nodes_from(NODES)
    return g


@given(edges, failed)
def test_an_untested_claim_without_relations_stands(chosen, fails) -> None:
    g = build(chosen)
    standing = standings(g, {k: finding(k, "fails", "proved") for k in fails})
    for node in NODES:
        if g.in_degree(node) == 0:
            assert standing[node] == (Standing.FALLS if node in fails else Standing.STANDS)


@given(edges, failed)
def test_removing_an_attack_never_fells_its_target(chosen, fails) -> None:
    findings = {k: finding(k, "fails", "proved") for k in fails}
    before = standings(build(chosen), findings)
    for edge in chosen:
        if edge[2] == "attack" and before[edge[1]] is not Standing.FALLS:
            after = standings(build([e for e in chosen if e != edge]), findings)
            assert after[edge[1]] is not Standing.FALLS


@given(edges, failed, st.randoms())
def test_the_order_of_evaluation_does_not_matter(chosen, fails, random) -> None:
    findings = {k: finding(k, "fails", "proved") for k in fails}
    shuffled = list(chosen)
    random.shuffle(shuffled)
    assert standings(build(chosen), findings) == standings(build(shuffled), findings)


def test_walks_through_an_argument() -> None:
    g = graph(("A4.2", "A4.10", "support"), ("A4.10", "A4.1", "support"), ("A4.3", "A4.10", "support"), ("A4.4", "A4.1", "attack"))
    assert resting_on(g, "A4.2") == ["A4.10", "A4.1"]
    assert resting_on(g, "A4.10") == ["A4.1"]
    assert reasons_for(g, "A4.10") == ["A4.2", "A4.3"]
    assert attackers_of(g, "A4.1") == ["A4.4"]
    assert attackers_of(g, "A4.10") == []
    assert ends_of(g) == ["A4.1"]


def test_lists_of_claims_follow_the_text_and_not_the_alphabet() -> None:
    g = graph(*((reason, "A4.1", kind) for reason, kind in (("A4.10", "support"), ("A4.9", "support"), ("A4.30", "attack"), ("A4.4", "attack"))))
    assert reasons_for(g, "A4.1") == ["A4.9", "A4.10"]
    assert attackers_of(g, "A4.1") == ["A4.4", "A4.30"]


def test_what_a_failure_brings_down() -> None:
    g = graph(("A4.2", "A4.10", "support"), ("A4.2", "A4.9", "support"), ("A4.10", "A4.11", "support"), ("A4.9", "A4.12", "support"),
              ("A4.3", "A4.12", "support"), ("A4.5", "A4.6", "support"))  # fmt: skip
    found = {"A4.2": finding("A4.2", "fails", "proved")}
    assert brought_down_by(g, found, ["A4.2"]) == ["A4.9", "A4.10", "A4.11", "A4.12"]
    assert brought_down_by(g, found, []) == []


def test_the_graph_has_the_claims_given_and_no_other() -> None:
    def claim(name: str, **relations: tuple[str, ...]) -> Claim:
        return Claim(name, Passage("A4", "Somewhere", 1, 2), "figure", "So.", **relations)

    g = graph_of([claim("A4.1", supports=("A4.2", "A5.1")), claim("A4.2", attacks=("A4.3", "A5.1")), claim("A4.3"), claim("A4.4")])
    assert list(g) == ["A4.1", "A4.2", "A4.3", "A4.4"]
    assert list(g.edges(data="kind")) == [("A4.1", "A4.2", "support"), ("A4.2", "A4.3", "attack")]


# More of columns


def test_columns_keep_what_prints_no_number() -> None:
    c = column(a="10", b="30", c="20")
    assert (c.only(["b", "blank"]).blank, c.only(["b"]).blank, c.only(["b", "a"]).label) == (("blank",), (), "test")
    assert list(c.only(["b", "a"])) == ["a", "b"]
    zeroed = c.blank_as_zero()
    assert (zeroed.blank, zeroed.label, zeroed["blank"].label) == ((), "test", "blank")
    assert (c + column(a="1", d="2")).blank == ("b", "c", "blank")
    assert (c * Quantity.exact(2)).blank == ("blank",)
    assert (c * Quantity.exact(2))["b"].agrees(60).rounded is True
    assert repr(c) == "Column('test', {a: 10, b: 30, c: 20})"


def test_means_are_named() -> None:
    c = column(a="10", b="30", c="20")
    assert c.mean().agrees(20).rounded is True
    assert c.mean().label == "mean of test"
    assert Column({"a": Quantity.exact(1)}).mean().label == "mean"
    assert (c.sum().label, Column({"a": Quantity.exact(1)}).sum().label) == ("sum of test", "sum")
    with pytest.raises(ValueError, match=r"^nothing to add up: the column has no numbers$"):
        Column({}).sum()


def test_a_column_against_one_number() -> None:
    c = column(a="10", b="30")
    assert c.exceeds(9).rounded is True
    assert c.exceeds(Quantity.exact(20)).rounded is False
    assert c.agrees(10).rounded is False
    assert c.only(["a"]).agrees(Quantity.printed("10")).rounded is True
    assert c.falls_in_order(["b", "b", "a"]).rounded is not False
    tied = Column({"a": Quantity.exact(1), "b": Quantity.exact(1)})
    assert tied.falls_in_order(["a", "b"]).rounded is True


def test_nearness_is_told_with_its_distance() -> None:
    near = Quantity.printed("105", label="Output").close_to(100, 0.05)
    assert (near.rounded, near.steps[0].text) == (True, "Output: 105 against 100, +5.0%")
    assert Quantity.printed("106").close_to(100, "0.05").rounded is False
    assert Quantity.printed("95").close_to(Quantity.printed("100"), "0.05").steps[0].text == "95 against 100, -5.0%"
    assert Quantity.exact(1).close_to(0, 1).steps[0].text == "1 against 0, +0.0%"
    assert Quantity.exact(3).close_to(3, 0, about="Here").steps[0].text == "Here: 3 against 3, +0.0%"
