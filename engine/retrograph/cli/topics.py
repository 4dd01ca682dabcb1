"""What `retrograph help` tells besides the commands: what several of them have in common."""

from __future__ import annotations

from typing import Final

INPUTS: Final = """\
What inputs are, and how they become what the model takes.

pictures    files, folders and archives of them (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz;
            nothing is unpacked to disk); what is hidden is left out. Of a data set for `scan` the
            folders are the classes, where all pictures lie in such. DICOM (.dcm; pip install
            'retrograph[dicom]') is seen through the file's window, which a note says.
arrays      .npy and .npz: bytes as pictures, floats as the model's input as it is.
tables      .csv, a picture a row, whose header, if any, says where the label and the pixels stand;
            without one, a value more than a picture has is its label.
videos      [N, T, C, H, W] or [N, C, T, H, W]: animated GIF or WebP, folders and archives of them
            or of folders of frames, each folder a video in the order of the numbers in its names,
            and arrays; as many frames as the model takes, evenly spaced.
letters     [N, C, L] or [N, L, C]: FASTA (.fa, .fasta, .faa, .fna, also .gz), one-hot by --alphabet
            or the alphabet in the model's metadata: a letter for each channel in order, "." for a
            channel that is none ("29." for 29 of them), or a name: dna ACGT, rna ACGU, protein in
            the order ACDEFGHIKLMNPQRSTVWY. What is short is padded with zeros, what is long is cut,
            unknown letters are all zero: a note says so. With an alphabet arrays are drawn with
            their letters, too.
waveforms   [N, T], [N, 1, T], [N, T, 1] and of two channels: sound files (.wav, .flac, .ogg, .mp3,
            ...), folders and archives of them; pip install 'retrograph[audio]'. They are resampled
            to --sample-rate, or else to the sample_rate in the model's metadata, their channels
            mixed, what is long cut to its beginning, what is short padded with zeros: each time a
            note says so. Models of spectrograms take these as arrays.

A model of several inputs takes .npz files with an array by the name of each, or --input left=a.jpg
right=b.jpg scale=0.5: files, and numbers that are held. A model of a fixed batch of N is run on N
inputs at once, the last one repeated; one of an open batch on --batch N, with the same results up
to rounding. Inputs are decoded ahead, and pictures drawn while the next input is run. One bad input
of several is reported, the others go on, and the exit code is 2.
"""

PREPROCESSING: Final = """\
How a picture becomes the model's input: --preprocess PRESET, and each part of it by itself.

The picture is fitted to the model's height and width (--resize, --crop, --interpolation), its
channels are put in --order, and each value p, from 0 to 255, becomes (p * scale - mean) / std.

0-1         p / 255
0-255       p
-1-1        p / 127.5 - 1
imagenet    (p / 255 - mean) / std with the means and deviations of ImageNet, of the middle 87.5 %
caffe-bgr   p minus ImageNet's mean colour, blue first

  retrograph explain net.onnx dog.jpg --preprocess imagenet
  retrograph explain net.onnx dog.jpg --scale 1/127.5 --mean 1        the same as -1-1
  retrograph explain net.onnx dog.jpg --preprocess imagenet --order bgr --resize stretch

cifar10     (p / 255 - mean) / std with those of CIFAR-10;   mnist: with those of MNIST

Without an option it is what the model's file stores (built graphs do, and models with the metadata
property "preprocessing"), else what its graph declares: bytes, or a scale and mean of its input.
Where neither tells, the presets are tried on the first pictures, at most 24: taken is the one under
which a picture, its mirror image, its centre and a darker copy get one class, and other pictures
and blank ones others. A line says what was taken, how surely, and what each preset gives; one
picture is little to go by. What is not scores of classes cannot be tried: 0-1 is assumed, and said.
A given one that looks wrong is warned of: nothing fails with it, and the map looks fine.

  retrograph preprocess net.onnx photos/       what each preset gives, as a table and as pictures
"""

UNITS: Final = """\
Which neuron is explained: --layer names the tensor, --unit the neuron in it.

--layer     an alias of `retrograph layers` (conv1, relu3) or a tensor's name. Without it the class
            scores are explained: what comes before a last Softmax, Sigmoid or tanh.
--unit      top           the most active unit of each input (default)
            17            class 17, or of a layer with positions channel 17 where it is most active
            17,4,5        the unit of channel 17 at row 4, column 5
            "tabby cat"   a class by its name
            cat,dog,12    several classes, a row each; channels with semicolons: "3;5"
            cat-dog       the difference of two: what speaks for one rather than the other
--top N     the N most active units, of a layer with positions its N most active channels
--labels    names of classes: a file (a line each, JSON, YAML), or a data set: imagenet, coco, voc,
            cifar10, mnist, with the background first where the model counts it. Left out those in
            the model's metadata, else ImageNet's for 1000 or 1001 classes, COCO's or VOC's for a
            detector or a map of as many, which a note says; none: no names.

  retrograph layers net.onnx
  retrograph explain net.onnx dog.jpg --unit "golden retriever" --labels imagenet
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17

Of a unit that sees a part of the picture the part is drawn as a box, and enlarged.
"""

BOXES: Final = """\
Boxes of detectors and maps of segmentation nets, as people ask for them.

Of a detector `explain` lists the boxes (after a suppression of its own, read before one in the
graph) and explains the strongest, drawn on input and map. What is explained is the logit behind the
box's class score, not a coordinate; places are pixels of the input as the model sees it.

  retrograph explain det.onnx street.jpg                     the strongest box
  retrograph explain det.onnx street.jpg --box 2             the third
  retrograph explain det.onnx street.jpg --at 120,80         the strongest at that pixel
  retrograph explain det.onnx street.jpg --class person      the best person
  retrograph explain det.onnx street.jpg --what objectness   or box: its width and height
  retrograph explain det.onnx street.jpg --top 3             a row each

Of a map --class sums the class's scores over the pixels that are predicted as it, their contour
drawn: --over mask. --over all takes every position, X,Y one, X0,Y0,X1,Y1 a rectangle; with --layer
the same of any layer with positions.

  retrograph explain seg.onnx cat.jpg --class cat --labels voc
  retrograph explain seg.onnx cat.jpg --class cat --over 120,80

`retrograph heads MODEL` tells how the outputs were understood; where that is wrong, correct what it
prints with --json and give it as --head.
"""

DRAWING: Final = """\
How attributions are drawn: --style, by each method's own way if it is left out.

signed      each of the picture's colours by itself: grey is 0, brighter is for the unit, darker
            against it
red-blue    one number for each place: red for the unit, blue against it, over the faint picture
heat        how much a place matters, whatever the sign, from black to pale yellow
overlay     the same, cast as light on the picture
smooth      alone or behind a name, as in heat,smooth: maps are blurred by a Gaussian of 1.5 % of
            the shorter side, which takes the grid of strides out of them, and small pictures are
            enlarged without edges between their pixels

Every map has a scale of its own, which ends at the 99.5th percentile of its magnitudes other than
0. --npz keeps the numbers.
"""

RUNNING: Final = """\
Where a graph runs, and in which numbers.
"""

TOPICS: Final = {
    "inputs": INPUTS,
    "preprocessing": PREPROCESSING,
    "units": UNITS,
    "boxes": BOXES,
    "drawing": DRAWING,
    "running": RUNNING,
}
"""By their names; the options of the group of that name stand below."""
