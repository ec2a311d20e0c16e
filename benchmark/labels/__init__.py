"""Landmark labels as people have them: read from eight formats into one kind of record.

The way in is :func:`benchmark.labels.reading.read_labels`, which takes a file or a folder, finds
out the format from the content (:func:`benchmark.labels.detection.detect_format`) and returns a
:class:`benchmark.labels.label_set.LabelSet`. Formats stand one a module. The ground truth of a set
with several annotators is taken in :mod:`benchmark.labels.ground_truth`.

**Coordinates.** Here a pixel's centre has whole coordinates, x points right and y down, so the
image covers -0.5 to width - 0.5. Formats that measure from the corner of the first pixel, where
its centre is 0.5, are brought here by taking away half a pixel:

============  ==============================================  =====================
format        what a whole coordinate means there             taken away
============  ==============================================  =====================
csv-long      the centre of a pixel (our own format)          nothing
csv-wide      the same                                        nothing
coco          the centre: locations are pixel indices         nothing
labelme       the corner: the canvas is painted from 0        0.5 px
cvat          the corner: the canvas is painted from 0        0.5 px
slicer        mm; the centre of the first pixel is the origin nothing, after mm to px
isbi          as published code reads them: the centre        nothing
shenzhen      ratio times size, as published code reads them  nothing
============  ==============================================  =====================
"""
