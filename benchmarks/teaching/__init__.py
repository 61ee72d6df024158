"""A starting point that is taught: the forge says what it draws, so a generator can learn it like a pupil.

A GAN sees pictures alone and must find out by itself what they have in common. The forge knows: each creature
is a body plan, perhaps the head of another one, colours, and some numbers. So three lessons come before the
usual training, which `finetune.py` then continues:

1. `draw`: a teacher turns these choices into w, and the synthesis network learns to draw exactly the creature
   that they belong to.
2. `ink`: lines and faces come from a discriminator that is told which creature it should see.
3. `map`: the mapping network learns to turn z into the teacher's w. Every choice is a fixed function of z.

`python -m benchmarks.teaching --help` has the commands.
"""
