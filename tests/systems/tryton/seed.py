"""What a fresh Tryton needs before the tests can use it: countries, a company with books to write invoices in, kinds of relations,
products, two invoices, and a key for the REST API. Called once by start.sh: seed.py CONFIG DATABASE KEYFILE."""

import datetime
import sys
from decimal import Decimal

from proteus import Model, Wizard, config

COUNTRIES = [
    ("AT", "AUT", "040", "Austria"), ("BE", "BEL", "056", "Belgium"), ("CA", "CAN", "124", "Canada"), ("CH", "CHE", "756", "Switzerland"),
    ("DE", "DEU", "276", "Germany"), ("DK", "DNK", "208", "Denmark"), ("ES", "ESP", "724", "Spain"), ("FR", "FRA", "250", "France"),
    ("GB", "GBR", "826", "United Kingdom"), ("IE", "IRL", "372", "Ireland"), ("IT", "ITA", "380", "Italy"), ("NL", "NLD", "528", "Netherlands"),
    ("PL", "POL", "616", "Poland"), ("SE", "SWE", "752", "Sweden"), ("US", "USA", "840", "United States"), ("AU", "AUS", "036", "Australia"),
]


def countries():
    Country = Model.get("country.country")
    for code, code3, numeric, name in COUNTRIES:
        Country(code=code, code3=code3, code_numeric=numeric, name=name).save()


def relation_types():
    """`works for` and `employs`, each the other's reverse."""
    Type = Model.get("party.relation.type")
    works_for, employs = Type(name="works for"), Type(name="employs")
    works_for.save()
    employs.reverse = works_for
    employs.save()
    works_for.reverse = employs
    works_for.save()


def company():
    Party, Currency = Model.get("party.party"), Model.get("currency.currency")
    euro = Currency(name="Euro", code="EUR", symbol="€", numeric_code="978")
    euro.rates.new(date=datetime.date(2020, 1, 1), rate=Decimal(1))
    euro.save()
    owner = Party(name="Nave Test GmbH")
    owner.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party, wizard.form.currency = owner, euro
    wizard.execute("add")
    return Model.get("company.company").find([])[0]


def books(owner):
    """Chart of accounts, this year's and next year's fiscal years, and a payment term."""
    Account = Model.get("account.account")
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = Model.get("account.account.template").find([("parent", "=", None)])[0]
    wizard.form.company = owner
    wizard.execute("create_account")
    wizard.form.account_receivable = account("type.receivable", ("party_required", "=", True))
    wizard.form.account_payable = account("type.payable", ("party_required", "=", True))
    wizard.execute("create_properties")
    Sequence, Strict, Kind = Model.get("ir.sequence"), Model.get("ir.sequence.strict"), Model.get("ir.sequence.type")
    move, = Kind.find([("name", "=", "Account Move")])
    invoice, = Kind.find([("name", "=", "Invoice")])
    this_year = datetime.date.today().year
    for year in (this_year, this_year + 1):
        fiscal = Model.get("account.fiscalyear")(name=str(year), company=owner)
        fiscal.start_date, fiscal.end_date = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
        for name in ("move_sequence", "post_move_sequence"):
            if name in fiscal._fields:
                sequence = Model.get(fiscal._fields[name]["relation"])(name=f"Move {year}", sequence_type=move, company=owner)
                sequence.save()
                setattr(fiscal, name, sequence)
                break
        numbers = Strict(name=f"Invoice {year}", sequence_type=invoice, company=owner, prefix=f"{year}-")
        numbers.save()
        row = fiscal.invoice_sequences[0] if fiscal.invoice_sequences else fiscal.invoice_sequences.new()
        for name in ("out_invoice_sequence", "in_invoice_sequence", "out_credit_note_sequence", "in_credit_note_sequence"):
            setattr(row, name, numbers)
        fiscal.save()
        fiscal.click("create_period")
    term = Model.get("account.invoice.payment_term")(name="30 days")
    term.lines.new(type="remainder").relativedeltas.new(days=30)
    term.save()
    return term


def account(kind, *more):
    return Model.get("account.account").find([(kind, "=", True), ("closed", "!=", True), *more])[0]


def goods_and_invoices(term):
    """Three products; one customer with a posted invoice and a draft one."""
    Unit, Template = Model.get("product.uom"), Model.get("product.template")
    unit, = Unit.find([("name", "=", "Unit")])
    category = Model.get("product.category")(name="Books", accounting=True)
    category.account_revenue, category.account_expense = account("type.revenue"), account("type.expense")
    category.save()
    products = []
    for code, name, kind, price in [
        ("HUB-1", "Wheel hub", "goods", "49.90"), ("SPK-36", "Spoke set 36", "goods", "18.00"), ("TRUE", "Wheel truing", "service", "35.00"),
    ]:
        template = Template(name=name, type=kind, default_uom=unit, list_price=Decimal(price), account_category=category, code=code)
        template.save()
        products.append((template.products[0], Decimal(price)))
    customer = Model.get("party.party")(name="Radhaus Köln KG")
    address = customer.addresses.new() if not customer.addresses else customer.addresses[0]
    address.street_unstructured, address.postal_code, address.city = "Domstraße 3", "50668", "Köln"
    address.country = Model.get("country.country").find([("code", "=", "DE")])[0]
    customer.save()
    for lines, post in [((2, 1, 0), True), ((0, 0, 3), False)]:
        invoice = Model.get("account.invoice")(type="out", party=customer, payment_term=term, invoice_date=datetime.date.today())
        for (product, price), quantity in zip(products, lines):
            if quantity:
                line = invoice.lines.new()
                line.product, line.quantity, line.unit_price = product, quantity, price
        invoice.save()
        if post:
            invoice.click("post")


def key(user, path):
    application = Model.get("res.user.application")(application="rest", user=user)
    application.save()
    if application.state != "validated":
        application.click("validate_")
    with open(path, "w", encoding="ascii") as file:
        file.write(application.key)


def main(settings, database, keyfile):
    connection = config.set_trytond(database=database, user="admin", config_file=settings)
    User = Model.get("res.user")
    user = User(connection.user)
    countries()
    relation_types()
    owner = company()
    user = User(connection.user)
    if not user.companies:
        user.companies.append(owner)
    user.company = owner
    user.save()
    connection._context = User.get_preferences(True, connection.context)
    goods_and_invoices(books(owner))
    key(user, keyfile)


if __name__ == "__main__":
    main(*sys.argv[1:])
