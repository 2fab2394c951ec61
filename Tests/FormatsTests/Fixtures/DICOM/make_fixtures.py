"""Small DICOM files by other programs; see ../README.md for their versions.

    pip install pydicom numpy pylibjpeg pylibjpeg-openjpeg pyjpegls
    python make_fixtures.py

Needs gdcmconv for lossless JPEG, which pydicom does not write. Slice k, row r, column c hold 100 k + 12 r + c, and 20 less where
they are signed. Every file has a patient, in every field that could name one.
"""

import os
import subprocess

import numpy as np
import pydicom
from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence

pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
ROWS, COLUMNS = 10, 12
SERIES = "1.2.826.0.1.3680043.8.498.77."


def number(k, rows=ROWS, columns=COLUMNS):
    return 100 * k + 12 * np.arange(rows)[:, None] + np.arange(columns)


def patient(ds):
    ds.PatientName = "SECRET^PERSON"
    ds.PatientID = "SECRET-7"
    ds.OtherPatientIDs = "SECRET-8"
    ds.PatientBirthDate = "19010203"
    ds.PatientSex = "O"
    ds.PatientAge = "099Y"
    ds.PatientAddress = "SECRET STREET"
    ds.PatientComments = "SECRET COMMENT"
    ds.InstitutionName = "SECRET HOSPITAL"
    ds.InstitutionAddress = "SECRET TOWN"
    ds.ReferringPhysicianName = "SECRET^DOCTOR"
    ds.PerformingPhysicianName = "SECRET^READER"
    ds.OperatorsName = "SECRET^OPERATOR"
    ds.StationName = "SECRETSTATION"
    ds.AccessionNumber = "SECRETACC"
    ds.StudyID = "SECRETSTUDY"
    ds.StudyDescription = "SECRET STUDY"
    ds.SeriesDescription = "SECRET SERIES"
    ds.ProtocolName = "SECRET PROTOCOL"
    ds.ImageComments = "SECRET IMAGE"
    ds.DeviceSerialNumber = "SECRETDEVICE"
    ds.StudyDate = "19020304"
    ds.add_new(0x00190010, "LO", "SECRET PRIVATE")
    ds.add_new(0x00191001, "PN", "SECRET^PRIVATE")


def file(name, data=None, k=0, series="1", syntax=uid.ExplicitVRLittleEndian, sop=uid.CTImageStorage, **fields):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = sop
    ds.file_meta.MediaStorageSOPInstanceUID = f"{SERIES}{series}.{k + 1}"
    ds.file_meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
    ds.SOPClassUID = sop
    ds.SOPInstanceUID = f"{SERIES}{series}.{k + 1}"
    ds.StudyInstanceUID = SERIES + "100"
    ds.SeriesInstanceUID = SERIES + series
    ds.Modality = "CT"
    patient(ds)
    if data is not None:
        ds.Rows, ds.Columns = data.shape[-2:] if fields.get("SamplesPerPixel", 1) == 1 else data.shape[-3:-1]
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = 8 * data.dtype.itemsize
        if data.dtype.kind == "f":
            keyword = "FloatPixelData" if data.dtype.itemsize == 4 else "DoubleFloatPixelData"
            setattr(ds, keyword, data.tobytes())
        else:
            ds.HighBit = ds.BitsStored - 1
            ds.PixelRepresentation = int(data.dtype.kind == "i")
            order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
            raw = data.astype(data.dtype.newbyteorder(order)).tobytes()
            ds.PixelData = raw + b"\0" * (len(raw) % 2)
            ds["PixelData"].VR = "OB" if data.dtype.itemsize == 1 else "OW"
    for keyword, value in fields.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    if data is not None and "BitsStored" in fields and "HighBit" not in fields:
        ds.HighBit = ds.BitsStored - 1
    ds.save_as(
        name, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, enforce_file_format=True)
    return ds


def compressed(source, name, syntax):
    ds = pydicom.dcmread(source)
    ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(name)


# A series: HU = 0.5 × stored − 1000, rows 0.25 mm apart and columns 0.5 mm; the instance numbers run the other way.
def place(k):
    return dict(
        ImagePositionPatient=[-3, 4.5, 2.5 * k - 7], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[0.25, 0.5],
        InstanceNumber=9 - k)


hounsfield = dict(RescaleSlope=0.5, RescaleIntercept=-1000, RescaleType="HU")
for k in range(5):
    file(f"slice{k}.dcm", (number(k) - 20).astype(np.int16), k, **place(k), **hounsfield)
file("other-series.dcm", (number(5) - 20).astype(np.int16), 5, series="2", **place(5), **hounsfield)
file("smaller.dcm", (number(5) - 20).astype(np.int16)[:8], 5, **place(5), **hounsfield)
file("other-type.dcm", number(5).astype(np.uint16), 5, **place(5), **hounsfield)
file("other-spacing.dcm", (number(5) - 20).astype(np.int16), 5, **{**place(5), "PixelSpacing": [0.25, 0.25]}, **hounsfield)
file("turned.dcm", (number(5) - 20).astype(np.int16), 5, **{**place(5), "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, **hounsfield)
file("placeless.dcm", (number(5) - 20).astype(np.int16), 5, InstanceNumber=1, PixelSpacing=[0.25, 0.5], **hounsfield)

# Coronal, turned about the axis of the body: the normal is (0.6, −0.8, 0) × −1.
for k in range(3):
    file(
        f"oblique{k}.dcm", number(k).astype(np.uint16), k, series="3", Modality="MR", sop=uid.MRImageStorage,
        ImagePositionPatient=[10 - 0.6 * 3 * k, -20 + 0.8 * 3 * k, 30], ImageOrientationPatient=[0.8, 0.6, 0, 0, 0, -1],
        PixelSpacing=[1.5, 1.5], InstanceNumber=k + 1)

# A slope for every slice.
for k in range(3):
    file(
        f"pet{k}.dcm", number(k).astype(np.int16), k, series="4", Modality="PT", sop=uid.PositronEmissionTomographyImageStorage,
        ImagePositionPatient=[0, 0, 4 * k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[2, 2],
        RescaleSlope=[0.5, 0.25, 2][k], RescaleIntercept=0)

# Without positions; number 11 is missing.
for k, instance in enumerate([8, 9, 10, 12]):
    file(f"number{k}.dcm", number(k).astype(np.uint16), k, series="5", Modality="US", InstanceNumber=instance)
file("orderless.dcm", number(3).astype(np.uint16), 3, series="5", Modality="US")

# Types and byte orders.
for kind in ["u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"]:
    shift = 20 if kind[0] in "if" else 0
    data = (number(0) - shift).astype("<" + kind)
    file(f"{kind}.dcm", data, series="6", Modality="OT")
    if kind[0] != "f":
        file(f"{kind}-implicit.dcm", data, series="6", Modality="OT", syntax=uid.ImplicitVRLittleEndian)
        file(f"{kind}-big.dcm", data, series="6", Modality="OT", syntax=uid.ExplicitVRBigEndian)
# Bytes in big endian words; an odd number of columns.
odd = number(0).astype(np.uint8)[:, :11]
ds = file("u1-words.dcm", odd, series="6", syntax=uid.ExplicitVRBigEndian)
ds["PixelData"].VR = "OW"
ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
ds.save_as("u1-words.dcm", implicit_vr=False, little_endian=False)
# 12 bits of 16: with an overlay in the others, signed, and at the left end.
file("12-bits.dcm", (number(0) | 0xA000).astype(np.uint16), series="6", BitsStored=12)
file("12-bits-signed.dcm", ((number(0) - 20) & 0xFFF).astype(np.uint16), series="6", BitsStored=12, PixelRepresentation=1)
file("12-bits-left.dcm", (number(0) * 16 + 5).astype(np.uint16), series="6", BitsStored=12, HighBit=15)

# Compressed.
compressed("slice1.dcm", "rle.dcm", uid.RLELossless)
compressed("slice1.dcm", "jpeg-ls.dcm", uid.JPEGLSLossless)
# OpenJPEG's encoder wants more than 32 rows and columns.
file("large.dcm", (number(1, 40, 36) - 20).astype(np.int16), 1, **place(1), **hounsfield)
compressed("large.dcm", "jpeg-2000.dcm", uid.JPEG2000Lossless)
os.remove("large.dcm")
subprocess.run(["gdcmconv", "--jpeg", "slice1.dcm", "jpeg.dcm"], check=True)
compressed("12-bits-signed.dcm", "rle-12-bits.dcm", uid.RLELossless)
# 12 bits in the middle of 16, other ones on both sides.
middle = (((number(0) - 20) & 0xFFF) * 4 | 0x8001).astype(np.uint16)
file("middle.dcm", middle, series="6", BitsStored=12, HighBit=13, PixelRepresentation=1)
compressed("middle.dcm", "rle-12-bits-middle.dcm", uid.RLELossless)
os.remove("middle.dcm")

# Several frames in one file, in its order.
frames = np.stack([number(k) for k in range(2)]).astype(np.uint8)
movie = dict(series="7", Modality="XA", NumberOfFrames=2, ImagerPixelSpacing=[0.25, 0.5], PhotometricInterpretation="MONOCHROME1")
file("frames.dcm", frames, **movie)
compressed("frames.dcm", "frames-rle.dcm", uid.RLELossless)
file("large.dcm", np.stack([number(k, 40, 36) for k in range(2)]).astype(np.uint16), **movie)
compressed("large.dcm", "frames-jpeg-2000.dcm", uid.JPEG2000Lossless)
os.remove("large.dcm")
file("frames-big.dcm", frames.astype(np.uint16), syntax=uid.ExplicitVRBigEndian, **movie)


# Enhanced CT: frames in another order than their positions, the plane of all in common.
def groups(**fields):
    group = Dataset()
    for keyword, values in fields.items():
        item = Dataset()
        for inner, value in values.items():
            setattr(item, inner, value)
        setattr(group, keyword, Sequence([item]))
    return group


order = [2, 0, 3, 1]
enhanced = file(
    "enhanced.dcm", np.stack([number(k) for k in order]).astype(np.uint16), series="8", sop=uid.EnhancedCTImageStorage,
    NumberOfFrames=4,
    SharedFunctionalGroupsSequence=Sequence([groups(
        PlaneOrientationSequence=dict(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=dict(PixelSpacing=[0.25, 0.5], SliceThickness=7),
        PixelValueTransformationSequence=dict(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU"))]),
    PerFrameFunctionalGroupsSequence=Sequence(
        [groups(PlanePositionSequence=dict(ImagePositionPatient=[0, 0, 1.25 * k])) for k in order]))
# Enhanced MR: a slope for every frame, all groups of each its own.
file(
    "enhanced-slopes.dcm", np.stack([number(k) for k in range(3)]).astype(np.uint16), series="9", Modality="MR",
    sop=uid.EnhancedMRImageStorage, NumberOfFrames=3,
    PerFrameFunctionalGroupsSequence=Sequence([groups(
        PlaneOrientationSequence=dict(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PlanePositionSequence=dict(ImagePositionPatient=[0, 0, 2 * k]),
        PixelMeasuresSequence=dict(PixelSpacing=[1, 2]),
        PixelValueTransformationSequence=dict(RescaleSlope=k + 1, RescaleIntercept=10 * k, RescaleType="US"))
        for k in range(3)]))
# Two frames at one position.
file(
    "repeated-frames.dcm", frames.astype(np.uint16), series="10", NumberOfFrames=2,
    SharedFunctionalGroupsSequence=Sequence([groups(
        PlaneOrientationSequence=dict(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))]),
    PerFrameFunctionalGroupsSequence=Sequence(
        [groups(PlanePositionSequence=dict(ImagePositionPatient=[0, 0, 3])) for _ in range(2)]))
# Two echoes of each of two positions, the higher one first.
file(
    "enhanced-echoes.dcm", np.stack([number(k) for k in range(4)]).astype(np.uint16), series="11", Modality="MR",
    sop=uid.EnhancedMRImageStorage, NumberOfFrames=4,
    SharedFunctionalGroupsSequence=Sequence([groups(
        PlaneOrientationSequence=dict(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=dict(PixelSpacing=[1, 2]))]),
    PerFrameFunctionalGroupsSequence=Sequence(
        [groups(PlanePositionSequence=dict(ImagePositionPatient=[0, 0, 5 - 2 * (k // 2)])) for k in range(4)]))

# What is refused.
file("rgb.dcm", np.zeros((4, 4, 3), np.uint8), SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
file("palette.dcm", number(0).astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
table = Dataset()
table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [256, 0, 16], "US", b"\0" * 512
file("table.dcm", number(0).astype(np.uint8), ModalityLUTSequence=Sequence([table]))
file("no-image.dcm", sop=uid.BasicTextSRStorage, Modality="SR")
file("no-slope.dcm", number(0).astype(np.uint8), RescaleSlope=0, RescaleIntercept=0)
file("crooked.dcm", number(0).astype(np.uint8), ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
file("10-bits.dcm", number(0).astype(np.uint16), BitsAllocated=12, BitsStored=12)
file("terms.dcm", number(0).astype(np.uint8), Modality="SECRETMODALITY", PhotometricInterpretation="SECRETCOLOUR", RescaleType="SECRETTYPE")
file("odd-modality.dcm", number(0).astype(np.uint8), Modality="SECRETMODALITY", RescaleSlope=2, RescaleIntercept=0, RescaleType="SECRETTYPE")
file("directory.dcm", sop=uid.MediaStorageDirectoryStorage, Modality=None)
deflated = pydicom.dcmread("slice0.dcm")
deflated.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
deflated.save_as("deflated.dcm")
