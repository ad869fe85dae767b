"""Tasks done by worker processes, of this machine or of a Dask cluster; a lost worker is no loss.

Few tasks wait at a time, however many there are: memory does not grow with their
number. They come back as they are finished, in any order.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt

from ls_integration.errors import ConfigError, PartialError
from ls_integration.progress import Say

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

LOCAL_DASK: Final = "dask"
"""`--cluster dask`: workers of this machine; anything else is a scheduler's address."""

_QUEUED: Final = 2
"""Tasks for each worker: the one that it does, and the next."""

_ALONE: Final = 2
"""So often a task that was lost with a worker is given a worker of its own, then it is given up."""

_PATIENCE_S: Final = 30.0
"""For a scheduler to answer."""


class Engine(Protocol):
    """What does tasks."""

    def __call__(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], say: Say
    ) -> Iterator[tuple[_Task, _Result | None]]:
        """Do them.

        Parameters
        ----------
        function : callable
            Of a module, so that workers find it.
        tasks : iterable
            Taken as they are needed.
        say : callable
            Takes lines for the user.

        Returns
        -------
        iterator of (task, result)
            As they are finished; None where each worker that was given the task was
            lost.
        """


@contextmanager
def open_engine(cluster: str | None, n_workers: int | None) -> Iterator[tuple[Engine, str]]:
    """Start workers, and end them after the block.

    Parameters
    ----------
    cluster : str or None
        None: processes of this machine; ``dask``: a Dask cluster on this machine;
        ``tcp://...``: a scheduler that is there.
    n_workers : int or None
        How many; by default one for each processor. Not for a scheduler's own.

    Yields
    ------
    engine : Engine
        Valid inside of the block.
    name : str
        What it is, in words for the user.

    Raises
    ------
    ConfigError
        If Dask is not installed, or no scheduler answers.
    """
    if cluster is None:
        number = n_workers or cpu_count()
        yield _processes(number), f"{number} process{'es' if number > 1 else ''}"
    else:
        with _client(cluster, n_workers) as client:
            number = sum(client.nthreads().values())
            yield _on_dask(client), f"Dask at {client.scheduler.address}, {number} workers' threads"


def _processes(n_workers: int) -> Engine:
    def run(
        function: Callable[[_Task], _Result], tasks: Iterable[_Task], say: Say
    ) -> Iterator[tuple[_Task, _Result | None]]:
        if n_workers == 1:
            for task in tasks:
                yield task, function(task)
            return
        left = iter(tasks)
        suspects: list[_Task] = []
        n_lost = -1
        # A lost worker takes the pool with it; the next pool goes on with the next task.
        while n_lost != len(suspects):
            n_lost = len(suspects)
            yield from _in_one_pool(function, left, n_workers, suspects)
            if n_lost != len(suspects):
                say(
                    "a worker process was lost (killed, or out of memory); "
                    f"{len(suspects) - n_lost} frames are done again at the end, one at a time"
                )
        yield from _alone(function, suspects)

    return run


def _in_one_pool(
    function: Callable[[_Task], _Result],
    tasks: Iterator[_Task],
    n_workers: int,
    suspects: list[_Task],
) -> Iterator[tuple[_Task, _Result]]:
    """Do tasks until there are none or a worker is lost; add those in its hands to *suspects*."""
    executor = get_reusable_executor(max_workers=n_workers)
    waiting: dict[Future[_Result], _Task] = {}
    is_broken = False
    try:
        while True:
            room = 0 if is_broken else _QUEUED * n_workers - len(waiting)
            for task in islice(tasks, room):
                try:
                    waiting[executor.submit(function, task)] = task
                except BrokenProcessPool:
                    suspects.append(task)
                    is_broken = True
                    break
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                task = waiting.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(task)
                    is_broken = True
                else:
                    yield task, result
    finally:
        # Also where the user interrupts or a task raises: nothing works on unseen.
        executor.shutdown(wait=True, kill_workers=True)


def _alone(
    function: Callable[[_Task], _Result], tasks: Iterable[_Task]
) -> Iterator[tuple[_Task, _Result | None]]:
    """Do one task at a time: if its worker is lost again, it is the task's fault."""
    again = Retrying(
        stop=stop_after_attempt(_ALONE), retry=retry_if_exception_type(BrokenProcessPool)
    )

    def attempt(task: _Task) -> _Result:
        # The same worker as for the last task, unless it was lost.
        result: _Result = get_reusable_executor(max_workers=1).submit(function, task).result()
        return result

    try:
        for task in tasks:
            try:
                yield task, again(attempt, task)
            except RetryError:
                yield task, None
    finally:
        get_reusable_executor(max_workers=1).shutdown(wait=True, kill_workers=True)


@contextmanager
def _client(cluster: str, n_workers: int | None) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        msg = (
            f"--cluster {cluster} needs Dask, which is not installed; pip install "
            "'ls-integration[dask]', or leave out --cluster"
        )
        raise ConfigError(msg) from None
    # It tells of each worker's coming and going, and sets its level when it is loaded.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if cluster == LOCAL_DASK:
        with (
            distributed.LocalCluster(
                n_workers=n_workers or cpu_count(),
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            ) as local,
            distributed.Client(local) as client,
        ):
            yield client
        return
    if n_workers is not None:
        msg = f"--workers {n_workers} is for this machine; the cluster at {cluster} has its own"
        raise ConfigError(msg)
    try:
        client = distributed.Client(cluster, timeout=_PATIENCE_S)
    except (OSError, TimeoutError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        msg = (
            f"no Dask scheduler answers at {cluster} ({reason}); give --cluster the address that "
            "'dask scheduler' prints, as tcp://HOST:8786"
        )
        raise ConfigError(msg) from None
    with client:
        yield client


def _on_dask(client: Any) -> Engine:
    def run(
        function: Callable[[_Task], _Result],
        tasks: Iterable[_Task],
        say: Say,  # noqa: ARG001  (Dask gives a lost worker's tasks to others by itself)
    ) -> Iterator[tuple[_Task, _Result | None]]:
        from distributed import CancelledError, KilledWorker, as_completed
        from distributed.comm.core import CommClosedError

        left = iter(tasks)
        waiting: dict[Any, _Task] = {}

        def submit(room: int) -> list[Any]:
            added = {
                # The result depends on files too: not to be kept for the same words.
                client.submit(function, task, pure=False): task
                for task in islice(left, room)
            }
            waiting.update(added)
            return list(added)

        # A cluster may grow: the room is asked for again, though not for each task.
        room = _room(client)
        finished = as_completed(submit(room))
        for n_done, future in enumerate(finished, start=1):
            task = waiting.pop(future)
            try:
                result = future.result()
            except KilledWorker:
                yield task, None
            except (CancelledError, CommClosedError) as error:
                msg = f"the Dask cluster is gone ({error}); the same command does the rest"
                raise PartialError(msg) from None
            else:
                yield task, result
            if n_done % room == 0:
                room = _room(client)
            finished.update(submit(room - len(waiting)))

    return run


def _room(client: Any) -> int:
    """Say how many tasks may wait at once; some also while there is no worker yet."""
    n_threads: int = sum(client.nthreads().values())
    return max(16, _QUEUED * n_threads)
