"""A worker has as many documents at hand as it can work on at once."""

from __future__ import annotations

from workers.room import Room


def test_slots_are_as_many_as_were_given() -> None:
    room = Room(slots=2, documents=8)
    assert [room.try_slot() for _ in range(3)] == [True, True, False]
    room.give_slot()
    assert room.try_slot()


def test_documents_that_need_no_slot_make_room_until_one_finds_none() -> None:
    room = Room(slots=2, documents=4)
    assert room.documents == 2
    for _ in range(5):
        room.widen()
    assert room.documents == 4
    room.narrow()
    assert room.documents == 2


def test_there_is_never_less_room_than_slots() -> None:
    room = Room(slots=4, documents=1)
    room.widen()
    assert (room.documents, room.most) == (4, 4)


def test_what_needs_no_slot_is_learnt_and_forgotten() -> None:
    room = Room(slots=1, documents=1)
    assert room.needs_none([])
    assert not room.needs_none(["a"])
    room.learn("a", in_process=True)
    room.learn("b", in_process=True)
    room.learn("b", in_process=False)
    assert room.in_process == {"a"}
    assert room.needs_none(["a"])
    assert not room.needs_none(["a", "b"])
