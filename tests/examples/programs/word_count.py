"""Map and reduce over files, with callbacks and an error that names its file."""

import collections
import multiprocessing
import os
import sys
import tempfile

counts = collections.Counter()
errors = []


def count(path):
    with open(path) as file:
        return collections.Counter(file.read().split())


def failed(error):
    errors.append(f"{type(error).__name__}: {os.path.basename(error.filename)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("one", "two", "missing")]
        for path, text in zip(paths, ("a b a", "b c"), strict=False):
            with open(path, "w") as file:
                file.write(text)
        pool = multiprocessing.Pool(processes=multiprocessing.cpu_count())
        for path in paths:
            pool.apply_async(count, args=(path,), callback=counts.update, error_callback=failed)
        pool.close()
        pool.join()
    print(sorted(counts.items()), errors)
