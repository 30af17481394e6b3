"""An initializer: what every worker needs is made once in each, in a global."""

import sys

import procession as mp


def prepare(words):
    global lengths
    lengths = {word: len(word) for word in words}


def look_up(word):
    return lengths.get(word)


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with mp.Pool(2, initializer=prepare, initargs=(["one", "three"],)) as pool:
        print(pool.map(look_up, ["one", "two", "three"]))
