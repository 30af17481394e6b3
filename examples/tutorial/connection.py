"""Two programs that talk over a socket: `Listener` and `Client`, and waiting for the first of several."""

import sys

import procession as mp
from procession.connection import Client, Listener, wait


def talk(address, name):
    with Client(address, authkey=b"secret") as connection:
        connection.send(f"{name} is here")
        print(name, "hears", connection.recv())


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with Listener(authkey=b"secret") as listener:
        processes = [mp.Process(target=talk, args=(listener.address, name)) for name in ("Ann", "Bob")]
        for process in processes:
            process.start()
        connections = [listener.accept() for _ in processes]
    texts = []
    while len(texts) < len(processes):
        for connection in wait(connections):
            texts.append(connection.recv())
            connection.send("welcome")
            connections.remove(connection)
    print(sorted(texts))
    for process in processes:
        process.join()
