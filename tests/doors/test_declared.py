"""What ``doors.toml`` may say, and what it is told when it may not."""

import pytest

from roi_engine.doors import declared

ZENDESK = """
[[door]]
name = "support"
kind = "zendesk"
url = "https://example.zendesk.com"
user = "reader@example.com"
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a text as ``doors.toml``."""

    def reading(text, environment=(), **more):
        path = tmp_path / "doors.toml"
        path.write_text(text)
        return declared.read(path, environment=dict(environment), **more)

    return reading


def test_every_kind_is_there():
    """A kind that cannot be imported would be told only at night."""
    for kind, place in declared.KINDS.items():
        module, _, name = place.partition(":")
        made = getattr(__import__(module, fromlist=[name]), name)
        assert made.model_fields["kind"].default == kind


def test_a_secret_comes_from_the_environment(read):
    (door,) = read(ZENDESK + 'secret_env = "TOKEN"\n', {"TOKEN": "abc"})
    assert (door.source, door.system, door.password()) == ("tickets", "zendesk", "abc")
    assert "abc" not in repr(door)
    with pytest.raises(declared.NotDeclared, match="door support: the environment variable TOKEN"):
        read(ZENDESK + 'secret_env = "TOKEN"\n')


def test_a_connection_fills_what_is_not_given(read):
    text = '[[door]]\nname = "desk"\nkind = "zendesk"\nconnection = "zendesk_prod"\n'
    known = {"zendesk_prod": {"url": "https://x.zendesk.com", "user": "a@b.c", "secret": "s"}}
    (door,) = read(text, connection=known.__getitem__)
    assert (door.url, door.user, door.password()) == ("https://x.zendesk.com", "a@b.c", "s")
    with pytest.raises(declared.NotDeclared, match="the connection zendesk_prod is Airflow's"):
        read(text)


def test_only_the_doors_that_are_asked_need_their_secret(read):
    text = ZENDESK + 'secret_env = "TOKEN"\n'
    assert read(text, sources=["gpu"]) == []
    assert len(read(text, {"TOKEN": "abc"}, sources=["tickets"])) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[door", "cannot be read"),
        ("name = 'x'", r"write \[\[door\]\] before each door"),
        ('[[door]]\nname = "x"\nkind = "excel"', "kind is 'excel'; it may be anthropic_costs"),
        (ZENDESK + 'secret = "abc"', "a secret does not belong in a file"),
        (ZENDESK + "attempts = 0", "door support: attempts: Input should be greater"),
        (ZENDESK + 'colour = "red"', "door support: colour: Extra inputs are not permitted"),
        (ZENDESK + ZENDESK, "two doors are named support"),
        (
            '[[door]]\nname = "a"\nkind = "objects"\nurl = "s3://b"\nfolder = "mail"',
            "mail is no folder of the inbox",
        ),
        (
            '[[door]]\nname = "a"\nkind = "bill_exports"\nurl = "s3://b"\n'
            'options = { aws_secret_access_key = "x" }',
            "aws_secret_access_key does not belong in a file",
        ),
    ],
)
def test_what_is_wrong_is_named(read, text, said):
    with pytest.raises(declared.NotDeclared, match=said):
        read(text)
