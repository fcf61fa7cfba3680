"""Invented people, and the sentences and places in which the benchmark hides them."""

from __future__ import annotations

import datetime as dt
import random
import string
from collections.abc import Callable

_START = [
    "Bra",
    "Dul",
    "Fen",
    "Gos",
    "Hib",
    "Jor",
    "Kel",
    "Lun",
    "Mav",
    "Ner",
    "Orp",
    "Pav",
    "Quo",
    "Rud",
    "Sil",
    "Tob",
    "Uvr",
    "Vok",
    "Wex",
    "Yal",
    "Zim",
]
_MIDDLE = ["ba", "cho", "de", "fi", "gu", "lo", "mi", "nu", "ro", "sa", "te", "vu"]
_FINISH = [
    "bek",
    "dorn",
    "fsson",
    "gard",
    "kovi",
    "lund",
    "mantis",
    "nescu",
    "quist",
    "rell",
    "stein",
    "trop",
    "vaux",
    "zoli",
]
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "%d-%b-%Y")

# Character sets, and the letters that a name is drawn from in each.
SCRIPTS = {
    "ISO_IR 100": "äöüéèêñçåøæ",
    "ISO_IR 192": "łśżąęčřšžğıőűță",
    "ISO_IR 144": "абвгдежзиклмнопрстуфхцчшщэюя",
    "GB18030": "王李张刘陈杨黄赵吴周徐孙马朱胡郭",
    "\\ISO 2022 IR 87": "山田中村小林佐藤鈴木高橋渡辺伊吉加",
    "\\ISO 2022 IR 149": "김이박최정강조윤장임한오서신권황",
}

# keyword or path, sentence, words that must survive in it
TEXTS = (
    ("StudyDescription", "MRI LUMBAR SPINE W/O CONTRAST {name}", "MRI LUMBAR SPINE W/O CONTRAST"),
    ("StudyDescription", "XR chest 2 views - {own_family}, {own_given}", "XR chest 2 views"),
    ("StudyDescription", "CTA carotids MRN {number}", "CTA carotids"),
    ("StudyDescription", "Knie links {name} Kontrolle", "Knie links Kontrolle"),
    ("SeriesDescription", "t2_tse_sag_384_{name}", "t2_tse_sag_384"),
    ("SeriesDescription", "AX DWI b1000 repeat per {name}", "AX DWI b1000 repeat per"),
    ("SeriesDescription", "THORAX 1.0 B70f {own_id}", "THORAX 1.0 B70f"),
    ("SeriesDescription", "Cor T1 FSE {day}", "Cor T1 FSE"),
    ("ProtocolName", "Abdomen^AbdomenRoutine (Adult) {name}", "Abdomen^AbdomenRoutine (Adult)"),
    ("ProtocolName", "5.1 Routine Brain {number}", "5.1 Routine Brain"),
    ("ImageComments", "Motion, repeated twice. Tech: {name}", "Motion, repeated twice. Tech:"),
    ("ImageComments", "Prior at {url} for comparison", "Prior at for comparison"),
    ("ImageComments", "Sent from {ip} overnight", "Sent from overnight"),
    ("PatientComments", "Lives with daughter {name}, phone {phone}. Uses walker.", "Uses walker."),
    ("PatientComments", "Address {street}. Diabetic on metformin", "Diabetic on metformin"),
    ("PatientComments", "Write to {mail}; claustrophobic", "claustrophobic"),
    (
        "AdditionalPatientHistory",
        "54 yo male with cough x 3 days, r/o pneumonia. Ref Dr. {name}.",
        "54 yo male with cough x 3 days, r/o pneumonia.",
    ),
    ("PatientComments", "Booked by {own_account}, anxious", "Booked by anxious"),
    ("ImageComments", "{own_given} {own_family} could not hold still", "could not hold still"),
    (
        "AdditionalPatientHistory",
        "Wilson disease, cirrhosis; {own_given} {own_family} seen {day}",
        "Wilson disease, cirrhosis; seen",
    ),
    (
        "AdditionalPatientHistory",
        "Known Crohn's disease since {day}, Baker cyst. MRN {number}",
        "Known Crohn's disease since Baker cyst.",
    ),
    ("MedicalAlerts", "Pacemaker, serial {serial}", "Pacemaker, serial"),
    ("Allergies", "Gadolinium; reported by {name}", "Gadolinium; reported by"),
    ("Occupation", "Baker {zip}", "Baker"),
    ("RequestedProcedureDescription", "CT guided lung biopsy {name}", "CT guided lung biopsy"),
    ("PerformedProcedureStepDescription", "Barium swallow {day} repeat", "Barium swallow repeat"),
    ("ReasonForTheRequestedProcedure", "Headache, rule out bleed, {name}", "Headache, rule out"),
    ("DerivationDescription", "JPEG 2000 lossy 20:1 by {name}", "JPEG 2000 lossy 20:1 by"),
    ("RequestedProcedureComments", "Fax report to {phone} attn {name}", "Fax report to attn"),
    ("VisitComments", "Admitted {day} under {name}, bed 12B", "Admitted under bed"),
    ("RequestAttributesSequence/RequestedProcedureDescription", "MRI LIVER {name}", "MRI LIVER"),
    ("AnatomicRegionSequence/CodeMeaning", "Chest of {name}", "Chest of"),
    (
        "ContentSequence/ContentSequence/ContentSequence/ContentSequence/ContentSequence/TextValue",
        "Small pleural effusion. Called to {name} at {phone}.",
        "Small pleural effusion. Called to at",
    ),
    (
        "ContentSequence/TextValue",
        "No acute hemorrhage or midline shift. Reported by {name}, MD on {day}.",
        "No acute hemorrhage or midline shift. Reported by",
    ),
)

# path, kind of value: everything that names somebody or something and must be gone
PLACES = tuple(
    (path, kind)
    for kind, paths in {
        "pn": "PatientBirthName OtherPatientNames ReferringPhysicianName PerformingPhysicianName"
        " OperatorsName NameOfPhysiciansReadingStudy RequestingPhysician ResponsiblePerson"
        " RequestAttributesSequence/RequestingPhysician AnatomicRegionSequence/PatientName"
        " AnatomicRegionSequence/PurposeOfReferenceCodeSequence/ViewCodeSequence/OperatorsName"
        " OriginalAttributesSequence/ModifiedAttributesSequence/PatientName"
        " ContentSequence/PersonName",
        "number": "OtherPatientIDs AccessionNumber AdmissionID StudyID PerformedProcedureStepID"
        " PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest"
        " InsurancePlanIdentification ClinicalTrialSubjectID MedicalRecordLocator"
        " OtherPatientIDsSequence/PatientID AnatomicRegionSequence/AccessionNumber"
        " PatientInsurancePlanCodeSequence/CodeValue",
        "serial": "DeviceSerialNumber DetectorID PlateID GantryID StationName",
        "street": "PatientAddress InstitutionAddress",
        "house": "InstitutionName InstitutionalDepartmentName CurrentPatientLocation"
        " RequestingPhysicianIdentificationSequence/InstitutionName",
        "phone": "PatientTelephoneNumbers ReferringPhysicianTelephoneNumbers",
        "mail": "PatientTelecomInformation",
        "url": "RetrieveURI",
        "word": "60000022 60004000 50002500 DigitalSignaturesSequence/CertificateOfSigner"
        " RequestingPhysicianIdentificationSequence/PersonIdentificationCodeSequence/CodeMeaning",
        "code": "AcquisitionTerminationCondition AnatomicRegionSequence/FrameLaterality",
        "uid": "RequestAttributesSequence/StudyInstanceUID"
        " AnatomicRegionSequence/PurposeOfReferenceCodeSequence/ReferencedSOPInstanceUID",
    }.items()
    for path in paths.split()
)

# Values that must come through as they are.
KEEPS = (
    ("ManufacturerModelName", ("SOMATOM Force", "Ingenia Elition X", "Discovery MI")),
    ("SoftwareVersions", ("syngo CT VB20A", "27\\LX\\MR29.1", "5.7.1.1")),
    ("ConvolutionKernel", ("Br40f\\3", "B70f 4567812", "BONEPLUS")),
    ("ScanOptions", ("HELICAL MODE", "P4^P101^S108^I0", "FAST_GEMS")),
    ("SequenceName", ("*tfl3d1_16ns", "epfid2d1_64")),
    ("BodyPartExamined", ("CHEST", "KNEE")),
    ("ContrastBolusAgent", ("Omnipaque 350", "Gadavist 10012345")),
    ("AcquisitionProtocolDescription", ("Gated, 0.0% Hodgkin", "Towne view 30 deg", "Dixon VIBE")),
)
# Private elements that are public knowledge to be safe: group, creator, element, VR, value.
SAFE_PRIVATE = (
    (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "1000"),
    (0x7053, "Philips PET Private Group", 0x00, "DS", "0.000631"),
    (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0),
    (0x0043, "GEMS_PARM_01", 0x27, "SH", "1.375:1"),
)


class Inventor:
    """Draws values that occur nowhere else in one run."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self._taken: set[str] = set()

    def once(self, make: Callable[[], str]) -> str:
        """A value that was not drawn before."""
        while (value := make()).casefold() in self._taken:
            continue
        self._taken.add(value.casefold())
        return value

    def digits(self, count: int) -> str:
        """Digits, the first not zero."""
        pick = self.random.choice
        return pick(string.digits[1:]) + "".join(pick(string.digits) for _ in range(count - 1))

    def word(self) -> str:
        """A name that is no word of any language."""
        pick = self.random.choice
        return self.once(lambda: pick(_START) + pick(_MIDDLE) + pick(_FINISH))

    def script(self, charset: str) -> str:
        """A name in another script, long enough to be unique."""
        letters, count = SCRIPTS[charset], 9 if charset.startswith("ISO_IR") else 4
        return self.once(lambda: "".join(self.random.choice(letters) for _ in range(count)))

    def day(self) -> dt.date:
        """A day that was not drawn before."""
        first = dt.date(1990, 1, 1)
        text = self.once(
            lambda: (first + dt.timedelta(self.random.randrange(10_000))).strftime("%Y%m%d")
        )
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))

    def uid(self) -> str:
        """An instance UID under a root of nobody's."""
        return self.once(lambda: f"1.2.826.0.1.3680043.99.{self.digits(14)}.{self.digits(3)}")

    def value(self, kind: str) -> tuple[str, list[tuple[str, str]]]:
        """(text as it is written, [(token to look for, its kind)])."""
        word, number = self.word, self.digits
        if kind in ("name", "word", "house"):
            token = word()
            return {"house": f"Klinik {token}"}.get(kind, token), [(token, "word")]
        if kind == "code":
            token = word().upper()[:16]
            return token, [(token, "word")]
        if kind == "pn":
            family, given = word(), word()
            return f"{family}^{given}", [(family, "word"), (given, "word")]
        if kind == "day":
            day = self.day()
            return day.strftime(self.random.choice(_DAYS)), [(day.strftime("%Y%m%d"), "day")]
        if kind == "uid":
            uid = self.uid()
            return uid, [(uid, "uid")]
        if kind in ("mail", "url"):
            token = word().lower()
            text = f"{token}.x@mail.example" if kind == "mail" else f"https://{token}.example/a?b=1"
            return text, [(token, "word")]
        if kind == "street":
            street = f"{number(3)} {word()} Street"
            return street, [(street, "word")]
        forms = {
            "number": lambda: self.random.choice(("MR", "A", "HX")) + number(8),
            "serial": lambda: "SN" + number(8),
            "phone": lambda: f"{number(3)}-{number(3)}-{number(4)}",
            "zip": lambda: f"{number(5)}-{number(4)}",
            "ip": lambda: f"10.{100 + int(number(2))}.{100 + int(number(2))}.{number(2)}",
        }
        text = self.once(forms[kind])
        return text, [(text, "number" if kind == "phone" else "word")]
