"""From claims to stored verdicts: the grid of cells, the processes that measure it, and the store on disk.

``engine`` runs claims on their own grids, ``sweep`` on a grid of the user's.

Everything parallel goes through :class:`concurrent.futures.Executor`; figures are the same bit for bit whatever the
number of processes, because each cell owns a random stream that follows from what the cell is.
"""
