"""What a freshly migrated BottleCRM needs before the tests can use it: a person, an organisation, that person's token for the API, and a
custom field `nave_id` on contacts and accounts, by which a record can be found again. Called once by start.sh: seed.py TOKENFILE."""

import sys

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 (settings come first)
from django.db import connection, transaction  # noqa: E402

from common.models import CustomFieldDefinition, Org, PersonalAccessToken, Profile  # noqa: E402

with transaction.atomic():
    user = get_user_model().objects.create_superuser(email="admin@example.test", password="only-for-tests-1")
    org = Org.objects.create(name="Nave Test")
    with connection.cursor() as cursor:
        # row level security: this session works for that organisation
        cursor.execute("select set_config('app.current_org', %s, false)", [str(org.id)])
    profile = Profile.objects.create(user=user, org=org, role="ADMIN", is_active=True)
    for target in ("Contact", "Account"):
        CustomFieldDefinition.objects.create(org=org, target_model=target, key="nave_id", label="Nave id", field_type="text", is_filterable=True)
    token, _ = PersonalAccessToken.generate(profile, "tests")

with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write(token)
