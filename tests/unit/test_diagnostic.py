"""Diagnostics: damage of one kind is one line with a count."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.model.diagnostic import Diagnostic, merge

DIAGNOSTICS = st.lists(
    st.builds(
        Diagnostic,
        path=st.sampled_from(["a", "b"]),
        offset=st.none() | st.integers(0, 1000),
        message=st.integers(0, 60).map("kind {}".format),
        skipped=st.integers(0, 5),
    ),
    max_size=150,
)


def test_the_same_damage_is_counted_together() -> None:
    """One line per kind, with all counts, at the place where it was first met."""
    merged = merge(
        [
            Diagnostic("log", 10, "no JSON", 1),
            Diagnostic("log", 20, "no step", 2),
            Diagnostic("log", 30, "no JSON", 4),
            Diagnostic("log", None, "no JSON", 1),
        ]
    )
    assert merged == (
        Diagnostic("log", 10, "no JSON", 6, (30,)),
        Diagnostic("log", 20, "no step", 2),
    )


def test_files_are_kept_apart() -> None:
    """The same damage in two files is two lines."""
    both = (Diagnostic("a", 1, "no JSON", 1), Diagnostic("b", 2, "no JSON", 1))
    assert merge(both) == both


def test_nothing_is_nothing() -> None:
    """Without damage there is no line."""
    assert merge([]) == ()


def test_a_remark_stays_a_remark() -> None:
    """What lost nothing still counts as nothing lost after it was met twice."""
    remark = Diagnostic("log", None, "no record says its step")
    assert remark.skipped == 0
    assert merge([remark, remark]) == (remark,)


def test_a_message_per_line_does_not_grow_without_bound() -> None:
    """A file with ten thousand kinds of damage has some fifty lines, and no count is lost."""
    merged = merge(Diagnostic("log", i, f"kind {i}", 1) for i in range(10_000))
    assert len(merged) <= 51
    assert sum(each.skipped for each in merged) == 10_000
    assert merged[0] == Diagnostic("log", 0, "kind 0", 1)
    assert merged[-1].message == "other damage"


def test_from_the_fiftieth_kind_on_they_are_counted_together() -> None:
    """Forty-nine kinds have lines of their own; the fiftieth is other damage."""
    merged = merge(Diagnostic("log", i, f"kind {i}", 1) for i in range(50))
    assert merged[48].message == "kind 48"
    assert merged[49] == Diagnostic("log", 49, "other damage", 1)


def test_known_kinds_are_counted_by_themselves_when_it_is_full() -> None:
    """What already has a line goes on being counted there."""
    kinds = [Diagnostic("log", i, f"kind {i}", 1) for i in range(80)]
    merged = merge([*kinds, Diagnostic("log", 99, "kind 3", 5)])
    assert Diagnostic("log", 3, "kind 3", 6, (99,)) in merged


@settings(deadline=None)
@given(diagnostics=DIAGNOSTICS, cut=st.integers(0, 150))
def test_counts_add_up_however_the_file_grew(diagnostics: list[Diagnostic], cut: int) -> None:
    """Merging what two polls found is merging all at once, and every loss is counted."""
    merged = merge(diagnostics)
    assert sum(each.skipped for each in merged) == sum(each.skipped for each in diagnostics)
    assert len({(each.path, each.message) for each in merged}) == len(merged)
    assert merge([*merge(diagnostics[:cut]), *diagnostics[cut:]]) == merged


def test_the_places_are_kept_up_to_a_hundred() -> None:
    """Where the same damage was met again is known, but a hostile file can't fill the memory."""
    (merged,) = merge(Diagnostic("log", at, "no JSON", 1) for at in range(500))
    assert merged == Diagnostic("log", 0, "no JSON", 500, tuple(range(1, 101)))


def test_merged_diagnostics_can_be_merged_again() -> None:
    """Block after block, the places stay in the order met."""
    first = merge([Diagnostic("log", 1, "no JSON", 1), Diagnostic("log", 2, "no JSON", 1)])
    second = merge([Diagnostic("log", 3, "no JSON", 1), Diagnostic("log", 4, "no JSON", 1)])
    assert merge([*first, *second]) == (Diagnostic("log", 1, "no JSON", 4, (2, 3, 4)),)
