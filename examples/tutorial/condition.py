"""A condition: wait until something shared has become true."""

import sys

import procession as mp


def wait_for_three(condition, stock, log):
    with condition:
        condition.wait_for(lambda: stock.value >= 3)
        stock.value -= 3
        log.put("took three")
        condition.notify_all()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    condition, stock, log = mp.Condition(), mp.Value("i", 0), mp.SimpleQueue()
    processes = [mp.Process(target=wait_for_three, args=(condition, stock, log)) for _ in range(2)]
    for process in processes:
        process.start()
    for _ in range(7):
        with condition:
            stock.value += 1
            condition.notify_all()
    for process in processes:
        process.join()
        print(log.get())
    print("left:", stock.value)
