"""A semaphore: never more than two at once."""

import sys

import procession as mp


def use(places, inside, most):
    for _ in range(20):
        with places:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            with inside.get_lock():
                inside.value -= 1


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    places = mp.BoundedSemaphore(2)
    inside, most = mp.Value("i", 0), mp.Value("i", 0)
    processes = [mp.Process(target=use, args=(places, inside, most)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("never more than two:", 1 <= most.value <= 2)
    try:
        places.release()
    except ValueError:
        print("all places are free")
