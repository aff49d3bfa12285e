#!/usr/bin/env python3
"""People of whom some homes share a mailbox, a telephone, a last name and an address, and some are there twice.

    households.py PERCENT RECORDS.csv PAIRS.csv [--no-birth] [--office]

PERCENT of the homes have two to four people with one mailbox; the others one person with a mailbox of their own. One person in twelve is there
twice, with slips and gaps. `--no-birth` leaves the dates of birth out. `--office`: three people behind each `info@`, under one telephone,
nobody twice. The same arguments give the same files.
"""
import csv
import random
import sys

FIRST = ("Ada Bo Carla Dmitri Edith Farid Greta Hugo Ines Jonas Karin Lars Mira Nils Olga Pablo Quinn Rosa Sven Tara Uwe Vera "
         "Wanda Xaver Yusuf Zoe Anna Ben Clara David Emma Felix Gina Hans Ida Jakob Kim Lena Max Nora").split()
BEGIN = "Ander Berg Carl Dahl Eng Fors Gran Hed Isak Joh Karl Lind Malm Nor Oster Pal Quist Rosen Sand Thor Ul Vik West Ytter Zett".split()
END = "sen son ström gren berg man feld".split()
STREETS = "Oak Elm Main Pine Lake Hill".split()
TOWNS = "Leeds York Bath Hull".split()


def slip(text):
    if len(text) < 5:
        return text
    at = random.randrange(1, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2:]


def people(percent, rows=2000):
    while True:
        last = random.choice(BEGIN) + random.choice(END)
        street = f"{random.randint(1, 300)} {random.choice(STREETS)} Street"
        town, phone = random.choice(TOWNS), f"0{random.randint(1000000000, 9999999999)}"
        home = random.random() * 100 < percent
        for _ in range(random.choice([2, 3, 4]) if home else 1):
            first = random.choice(FIRST)
            born = f"{random.randint(1940, 2015)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
            mail = f"{last}.{phone[-4:]}@home.test" if home else f"{first}.{last}{random.randint(1, 999)}@mail.test"
            yield [first, last, street, town, phone, mail.lower(), born]


def main():
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    percent, records, pairs = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    random.seed(f"{percent} {options}")
    heading = ["id", "first_name", "last_name", "street", "city", "phone", "email", "birth_date"]
    rows, truth = [], []

    def add(row):
        rows.append([f"p{len(rows)}", *row])
        return rows[-1][0]

    if "--office" in options:
        for office in range(600):
            phone = f"0{random.randint(1000000000, 9999999999)}"
            for person in [next(people(0)) for _ in range(3)]:
                add([*person[:2], f"{office} Office Park", "Leeds", phone, f"info@firm{office}.test", ""])
    else:
        for person in people(float(percent)):
            first = add(person)
            if random.random() < 1 / 12:
                again = [value if random.random() > 0.2 else slip(value) if random.random() < 0.6 else "" for value in person]
                truth.append((first, add(again)))
            if len(rows) >= 2000:
                break
    random.shuffle(rows)
    columns = 7 if "--no-birth" in options or "--office" in options else 8
    with open(records, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(row[:columns] for row in [heading, *rows])
    with open(pairs, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(truth)


main()
