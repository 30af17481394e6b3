"""A notebook that nbclient runs: lambdas, functions defined again, globals that change between two cells."""

import json
import sys

import client
import nbclient
import nbformat

BEGIN = """
import json, client, procession
context = client.context({method!r})
if {face!r} == "pool":
    pool = procession.Pool(2, context=context)
else:
    pool = procession.ProcessPoolExecutor(2, mp_context=context)
answers = []
"""
CELLS = (
    "answers.append(list(pool.map(lambda n: n + 1, range(10))))",
    "offset = 100\ndef work(n):\n    client.witness()\n    return n + offset",
    "answers.append(list(pool.map(work, range(10))))",
    "offset = 200",
    "answers.append(list(pool.map(work, range(10))))",
    "def helper(n):\n    return n * 3\ndef work(n):\n    client.witness()\n    return helper(n) - offset",
    "answers.append(list(pool.map(work, range(10))))",
    "class Point:\n    def __init__(self, x):\n        self.x = x",
    "answers.append([isinstance(p, Point) and p.x for p in pool.map(Point, range(5))])",
    "answers.append([p.x for p in pool.map(lambda p: Point(p.x + 1), [Point(1), Point(2)])])",
)
END = """
if hasattr(pool, "shutdown"):
    pool.shutdown()
else:
    pool.close()
    pool.join()
print(json.dumps(answers))
"""


def run(pool, face):
    texts = (BEGIN.format(method=sys.argv[2], face=face), *CELLS, END)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    return json.loads(notebook.cells[-1].outputs[-1].text)


def expected():
    return [
        [n + 1 for n in range(10)],
        [n + 100 for n in range(10)],
        [n + 200 for n in range(10)],
        [n * 3 - 200 for n in range(10)],
        list(range(5)),
        [2, 3],
    ]


if __name__ == "__main__":
    client.main(expected, run)
