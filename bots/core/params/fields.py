"""What other gateways write among the parameters, and here is a field of a bot or a provider."""

FIELDS = {
    "name": "the name of the bot or provider itself",
    "displayName": "the field display_name of the bot",
    "baseBot": "the field base of the bot: which base bot it inherits from",
    "provider": "the field provider of the bot: its bot framework",
    "sttProvider": "the field stt_provider of the bot: its recogniser",
    "ttsProvider": "the field tts_provider of the bot: its synthesiser",
    "type": "the fields kind and plugin of a provider",
    "credentials": "kept with a provider, apart from its parameters",
}
"""By wire name, what to use in its place."""
