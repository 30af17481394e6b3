"""A manager for a class of one's own."""

import sys

import procession as mp
from procession.managers import BaseManager


class Account:
    def __init__(self, balance):
        self.balance = balance

    def pay_in(self, amount):
        self.balance += amount
        return self.balance

    def get(self):
        return self.balance


class Bank(BaseManager):
    pass


Bank.register("Account", Account)


def pay_in(account):
    account.pay_in(25)


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with Bank() as bank:
        account = bank.Account(100)
        processes = [mp.Process(target=pay_in, args=(account,)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        print(account.get())
