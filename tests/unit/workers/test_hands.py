"""What is put into hands is done, in order, by no more threads than there may be."""

from __future__ import annotations

import threading

from workers.hands import Hands


def test_tasks_are_begun_in_order_and_all_are_done() -> None:
    hands, done = Hands(3, "hand"), list[int]()
    for number in range(500):
        hands.put(lambda n=number: done.append(n))  # type: ignore[misc]
    hands.close()
    assert sorted(done) == list(range(500))


def test_a_long_task_holds_up_none_as_long_as_there_are_threads() -> None:
    hands, go, begun = Hands(4, "hand"), threading.Event(), threading.Semaphore(0)

    def long() -> None:
        begun.release()
        go.wait(20)

    for _ in range(6):
        hands.put(long)
    for _ in range(4):
        assert begun.acquire(timeout=20)
    assert not begun.acquire(timeout=0.2)
    go.set()
    hands.close()
    assert begun.acquire(timeout=0)
    assert begun.acquire(timeout=0)


def test_tasks_may_put_in_tasks() -> None:
    hands, over, left = Hands(2, "hand"), threading.Event(), [100]

    def one() -> None:
        left[0] -= 1
        if left[0]:
            hands.put(one)
        else:
            over.set()

    hands.put(one)
    assert over.wait(20)
    hands.close()


def test_a_task_that_fails_takes_no_thread_with_it() -> None:
    hands, done = Hands(1, "hand"), threading.Event()

    def fail() -> None:
        raise ValueError("a defect")

    hands.put(fail)
    hands.put(done.set)
    assert done.wait(20)
    hands.close()
