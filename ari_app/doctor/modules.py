"""Which of Asterisk's modules consentgate needs, and which open a door where they are loaded."""

from collections.abc import Iterator
from typing import Final

from .catalogue import Found, Grade

NEEDED: Final = {
    "res_ari": "the gate",
    "res_ari_applications": "the gate",
    "res_ari_asterisk": "the gate",
    "res_ari_channels": "the gate",
    "res_ari_events": "the gate",
    "res_ari_playbacks": "announcements",
    "res_stasis": "the gate",
    "res_stasis_answer": "the gate",
    "res_stasis_playback": "announcements",
    "app_stasis": "the gate",
    "app_mixmonitor": "recording",
    "app_stack": "the dialplan's Gosub",
    "app_userevent": "the dialplan",
    "res_agi": "callers while the gate is away",
    "format_wav": "announcements and recording",
    "func_callerid": "the dialplan",
    "func_channel": "the dialplan",
    "func_dialplan": "the dialplan",
    "func_logic": "the dialplan",
    "func_strings": "the dialplan",
    "func_timeout": "the lifeline",
    "pbx_config": "the dialplan",
}
"""As the heads of dialplan/*.conf and the adapters need them; each with what does not work without it."""

FOR_KEYS: Final = {
    "app_senddtmf": "self-tests of lines that ask for a yes",
    "app_playback": "words at a key",
    "app_playtones": "tones at a key",
    "func_db": "private calls",
}

UNWANTED: Final = {
    "app_monitor": "Monitor",
    "app_record": "Record",
    "app_dictate": "Dictate",
    "app_minivm": "MinivmRecord",
    "app_meetme": "MeetMe",
    "app_externalivr": "ExternalIVR",
    "app_audiosocket": "AudioSocket",
    "chan_audiosocket": "AudioSocket channels",
    "chan_rtp": "externalMedia",
    "chan_websocket": "WebSocket channels",
    "app_chanspy": "ChanSpy and its r()",
    "app_jack": "JACK",
    "app_ices": "ICES",
    "app_system": "System",
    "func_shell": "SHELL",
    "app_speech_utils": "SpeechBackground",
    "res_aeap": "AEAP",
    "res_speech_aeap": "AEAP",
    "res_pjsip_one_touch_record_info": "INFO with Record: on",
}
"""Nothing of ours uses them, and each lets somebody record or listen, with one line in a console or a dialplan."""


def judge(loaded: set[str]) -> Iterator[Found]:
    """Yield what is missing and what is too much. loaded: names without `.so`; an empty set: nobody could be asked."""
    missing = {one: what for one, what in NEEDED.items() if one not in loaded}
    for module, what in missing.items():
        yield Found(
            "module-missing",
            f"{module}.so",
            "is not loaded",
            Grade.WRONG,
            f"without it there is no {what}",
            f"load = {module}.so in modules.conf, after installing it; then module load {module}.so",
        )
    for module, what in FOR_KEYS.items():
        if module not in loaded:
            why, mend = f"there are no {what}", f"load = {module}.so in modules.conf"
            yield Found("module-missing", f"{module}.so", "is not loaded", Grade.WARNING, why, mend)
    for module, what in UNWANTED.items():
        if module in loaded:
            yield Found(
                "module-unwanted",
                f"{module}.so",
                f"is loaded: it brings {what}",
                Grade.WARNING,
                "it can record, listen or lead sound away, and consentgate does not need it",
                f"noload = {module}.so in modules.conf, if nothing of yours needs it",
            )
    if not missing:
        yield Found("modules", "modules", f"all {len(NEEDED)} that are needed are loaded")
