"""The extraction kernel: log-mel, MFCC and deltas of as many frames at once as a register holds.

    samples --turn--> columns --window, FFT--> powers --mel, log--> decibels, largest     `analyse`
    decibels --clip, round--> log-mel; --cosines--> MFCC                                   `finish`
    MFCC --fitted lines and parabolas--> deltas                                     `differentiate`

Lane = frame: each lane of each vector instruction is another frame, at every step. No step mixes
lanes, so there is nothing to shuffle, and no loop that a compiler has to be coaxed to vectorise.
"""
