"""Why an opened recording was refused, as a closed list.

`UndecodableError.reason` is one of these codes and nothing else is ever said about a recording: the
text of a decoder's own error could carry what it choked on (INV-11).
"""

REASONS: dict[str, str] = {
    "empty": "there are no bytes: record and upload again",
    "not-audio": (
        "no decoder knows these bytes: send WAV, AIFF, CAF, FLAC, Ogg, MP3, AAC, WebM or M4A"
    ),
    "no-audio": "the container is sound but holds no audio: check the recorder and record again",
    "truncated": (
        "the header promises more audio than is there, so the end was lost before it was sealed: "
        "upload the complete file"
    ),
    "damaged": "the decoder met an error midway (a FLAC cut off early too): upload the file again",
    "not-finite": (
        "the audio holds NaN, infinity or values so large that their power is infinite: "
        "export it again as integers"
    ),
    "sample-rate": "the sample rate is outside 1 kHz to 768 kHz: check how it was exported",
    "too-short": "delta features need 9 frames: record longer, or use a feature set without them",
    "too-long": "it lasts longer than this run accepts: split it, or raise the limit",
    "needs-browser-audio-extra": (
        "WebM, M4A, AAC and MP3 without a length header are decoded by PyAV: "
        "install unvoiced[browser-audio] where the samples are ingested, then run again"
    ),
}
