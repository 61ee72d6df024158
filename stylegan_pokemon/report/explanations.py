"""What every chart means, in plain words, for somebody who has never trained such a network."""

from __future__ import annotations

SECTIONS: dict[str, tuple[str, str]] = {
    "quality": (
        "How good are the pictures?",
        "Measured numbers, each beside what halves of the real set reach with each other, about as good as a "
        "generator can be.",
    ),
    "creatures": (
        "Do the creatures hold together?",
        "What eyes see and networks of photographs overlook, beside the training pictures' own (grey). Where "
        "the two agree there is nothing to mend.",
    ),
    "health": (
        "Is the training sound?",
        "The contest of the two networks. The generator draws; the discriminator tells drawn pictures "
        "from training pictures, and the generator learns from what gives it away.",
    ),
    "copying": (
        "Does it copy, does it repeat itself, do the colours stay?",
        "Small sets tempt a generator to copy training pictures or to draw a few of them over and over.",
    ),
    "insides": (
        "Inside the networks",
        "For the curious, and for bug reports.",
    ),
    "machine": (
        "Time and memory",
        "What it costs.",
    ),
}
"""Heading and introduction of the parts of the page, in their order."""

SHORT = {"quality": "Quality", "creatures": "Creatures", "health": "Soundness",
         "copying": "Copies and variety", "insides": "Insides", "machine": "Time and memory"}  # fmt: skip
"""Their names in the list of contents."""

CHARTS: dict[str, str] = {
    "losses": (
        "How wrong each network is; lower is better for its owner, so one falls when the other rises. "
        "Flat lines that wobble are normal and good. At 0.69 the discriminator's losses mean that it "
        "tosses a coin. A generator loss that climbs and climbs while the discriminator's fall as low as "
        "they can means that the discriminator has won."
    ),
    "critic": (
        "This discriminator gives scores instead of saying how sure it is, and learns to give real "
        "pictures higher ones than drawn ones. The lines are the mean score of drawn pictures, that of real "
        "ones with its sign turned, and the generator's loss, the score of drawn pictures with its sign "
        "turned: lower is better for its owner. Scores have no scale of their own; what matters is that "
        "the lines stay within bounds."
    ),
    "waits": (
        "The share of steps in which the discriminator was so sure of drawn pictures that it was not "
        "trained. At 1 it waits for the generator all the time; at 0 the rule does nothing."
    ),
    "gp": (
        "How far the critic's slope is from 1 between real and drawn pictures. It should stay small: then "
        "its scores measure a distance."
    ),
    "classes": (
        "How badly the discriminator tells the class of a real picture: it falls as the classes come to "
        "look different to it, and only then can the generator learn them. The others are the losses of "
        "the chart before, asked without telling the class; they keep all pictures good while classes are "
        "new."
    ),
    "r_t": (
        "r_t says how surely the discriminator knows the training pictures: 0 when it is fresh, 1 when it "
        "knows them by heart and teaches nothing new. When r_t is above its target, the augmentation "
        "probability p rises: pictures are shown turned, shifted and recoloured, so that they are harder "
        "to learn by heart. p at its cap while r_t stays above the target means that the set is too small "
        "for more training."
    ),
    "signs": (
        "+1: it takes all such pictures for real, −1: for drawn, 0: half and half. Real pictures should "
        "be moderately above 0, drawn ones below."
    ),
    "scores": (
        "Its raw verdicts before they become losses: above 0 “real”, below 0 “drawn”. The two lines "
        "should lie within a few units of each other; drifting apart for good means that the "
        "discriminator gets too strong."
    ),
    "whole": (
        "The share of drawn pictures whose creature is in one piece: its largest connected part holds at "
        "least 97 % of it. Fine-tuning breaks bodies before it mends them. A snapshot whose creatures fall "
        "apart is not the best one, however low its KID."
    ),
    "haze": (
        "How much of the background, away from the creature, is neither clean nor part of anything: a veil, "
        "smears, shadows. In percent of its area."
    ),
    "holes": (
        "Regions of background colour inside a creature. White eyes and bellies on white count too, in drawn "
        "and in training pictures alike."
    ),
    "speckle": (
        "Dots and noise inside the body, away from lines and edges, in percent of the step from black to "
        "white."
    ),
    "sharpness": (
        "How much of the step from creature to background happens between two neighbouring pixels: 1 is a "
        "hard edge, a blur is near 0."
    ),
    "saturation": ("How strong the colours inside the bodies are (chroma in OKLab): 0 is grey."),
    "palette": (
        "How many different colours cover a creature. Shades that run into each other where training "
        "pictures have flat areas raise it."
    ),
    "style": (
        "The distance from the training pictures at each size of detail, as a multiple of that between "
        "halves of the training set: 1 is as good as real. The finest is outlines and shading, the coarsest "
        "large shapes and colours."
    ),
    "memorisation": (
        "The share of drawn pictures that lie closer to a training picture than training pictures lie to "
        "each other. The grey line is that share among the training pictures themselves, which resemble "
        "each other too: below it all is well, far above it the generator copies."
    ),
    "diversity": (
        "How different drawn pictures are from each other, compared with the training pictures: 1 is as "
        "varied as they are. A fall towards 0 is a collapse: the generator draws the same few pictures "
        "again and again."
    ),
    "clusters": (
        "The same within groups of similar pictures: whether there are many different ones of a kind."
    ),
    "colour": (
        "How lively the colours of the grid above are, beside the training pictures' (measure of Hasler "
        "and Süsstrunk). Colours that fade as training goes on are a known complaint of small sets; an "
        "earlier snapshot then looks better."
    ),
    "r1": (
        "How sharply the discriminator's verdict changes with small changes of a real picture. The "
        "penalty keeps it smooth; a sudden rise comes before trouble."
    ),
    "distances": (
        "Pictures sorted by how near their nearest training picture is. Where the coloured line lies far"
        " below the "
        "grey one, at the left above all, drawn pictures are nearer to training pictures than those are to "
        "each other: copies."
    ),
    "within": (
        "The same losses for every step of the training, averaged over short stretches: what happens "
        "between two ticks."
    ),
    "pl": (
        "How much the picture changes when the generator's input does; the penalty keeps that even, which "
        "makes blends smooth."
    ),
    "gradients": (
        "How strong the push of each training phase is (Gmain and Dmain train, Greg and Dreg regularise). "
        "Spikes are normal, growth over many ticks is not."
    ),
    "weights": ("The length of all parameters together. It should change slowly."),
    "lr": ("How big a step each network takes."),
    "speed": (
        "Seconds of training for 1,000 pictures. A rise means that something else uses the machine, or "
        "that p has brought dearer augmentations."
    ),
    "phases": (
        "Seconds of each tick by phase. Gmain and Dmain train the two networks, Greg and Dreg regularise "
        "them; the tick's own work is grid, snapshot, metrics and this page."
    ),
    "memory": ("The most that the program has held."),
}
"""By the chart's id."""

HELD_OUT = (
    "Held-out pictures are real ones that it has never been shown: the gap between real and held-out is "
    "what it knows by heart."
)
R_V = (
    "r_v asks held-out pictures instead: 0 when the discriminator takes them for training pictures, 1 when "
    "they look drawn to it."
)
"""Ends the explanation of r_t where a share of the set was held out."""
WITHOUT_HELD_OUT = (
    "With --holdout, real pictures that it has never been shown are asked too: they tell learning from "
    "learning by heart."
)
"""One of the two ends the explanation of signs: a share of the set was held out, or not."""

METRICS: dict[str, tuple[str, str]] = {
    "fd": (
        "Fréchet distance",
        "How far the drawn pictures as a whole are from the training pictures as a whole, in the eyes of "
        "a network that knows photographs. Lower is better. The dashed floor is what halves of the real set "
        "have, about what a perfect generator would. Compare it only with numbers from the same feature "
        "network and as many pictures.",
    ),
    "fid": (
        "Fréchet inception distance (FID)",
        "How far the drawn pictures as a whole are from the training pictures as a whole. Lower is "
        "better; the dashed floor is what halves of the real set have.",
    ),
    "kid": (
        "Kernel distance (KID)",
        "Like the Fréchet distance but fair to small sets, which is why the best snapshot is chosen by "
        "it, among those whose creatures hold together. Lower is better; the bars show how sure the number "
        "is, and differences within them mean nothing.",
    ),
    "precision": (
        "Precision and recall",
        "Precision: how many drawn pictures look like training pictures. Recall: how much of the training "
        "set's variety the generator reaches. High precision with recall near 0 is a collapse. F1 is both "
        "in one number.",
    ),
    "density": (
        "Density and coverage",
        "Coverage: the share of training pictures that have a drawn picture nearby; 1 is best. Density: "
        "how closely drawn pictures crowd around training pictures; about 1 is right.",
    ),
    "is": (
        "Inception score",
        "High when pictures show clear and different things, in the eyes of a network that knows "
        "photographs. It says little about sprites; published work quotes it.",
    ),
    "ppl": (
        "Perceptual path length",
        "How abruptly pictures change along a path from one to another. Lower: smoother.",
    ),
    "swd": (
        "Drawing style (SWD)",
        "How far small patches of the drawn pictures are from those of the training pictures, from fine "
        "lines to large shapes (sliced Wasserstein distance). Lower is better; the dashed floor is what "
        "halves of the real set have.",
    ),
}
"""Title and explanation of a family of metrics, in the order of the charts."""
