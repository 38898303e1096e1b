//! What can go wrong with the modifier and the mappings of a restore.

use crate::problem::Code;

/// A rule of a resource modifier could not be applied to an object.
pub const MODIFIER_FAILED: Code = Code {
    id: "SLV-2050",
    title: "resource modifier not applied",
    remedy: "The object was restored without this rule. Correct the rule, or its conditions, and change the object by hand or \
             restore it again.",
};
/// A rule of a resource modifier would make another object of one.
pub const MODIFIER_IDENTITY: Code = Code {
    id: "SLV-2051",
    title: "resource modifier would rename an object",
    remedy: "The object was restored without this rule. Names and kinds cannot be modified; namespaces are mapped with \
             namespaceMapping.",
};
/// A strategic patch could only replace a list.
pub const LIST_REPLACED: Code = Code {
    id: "SLV-2052",
    title: "list replaced by a strategic patch",
    remedy: "Look at the object; change single members of lists of custom resources with JSON patches.",
};
/// The server's default resource modifier cannot be used.
pub const DEFAULT_MODIFIER_UNUSABLE: Code = Code {
    id: "SLV-2053",
    title: "default resource modifier not used",
    remedy: "Correct the ConfigMap that --default-resource-modifier-configmap names; this restore went on without it.",
};
/// The modifier or a mapping cannot be used any more, though it could when the restore was validated.
pub const ADJUSTMENTS_CHANGED: Code = Code {
    id: "SLV-2054",
    title: "modifier or mapping changed",
    remedy: "Nothing was restored. Correct the ConfigMap, and restore again.",
};
/// A storage class is mapped to one that there is not.
pub const NO_SUCH_CLASS: Code = Code {
    id: "SLV-2055",
    title: "mapped storage class missing",
    remedy: "Create the storage class, or correct the ConfigMap with the label velero.io/change-storage-class.",
};
/// What is to be replaced occurs in an image, but not as a whole part of its name.
pub const IMAGE_PART: Code = Code {
    id: "SLV-2056",
    title: "image rule meets a part of a name",
    remedy: "Write whole parts of image names, between /, : and @, in the ConfigMap with the label velero.io/change-image-name.",
};
/// A claim's node is mapped to one that there is not.
pub const NO_SUCH_NODE: Code = Code {
    id: "SLV-2057",
    title: "mapped node missing",
    remedy: "Correct the ConfigMap with the label velero.io/change-pvc-node-selector; the scheduler picks another node.",
};
/// A rule on nodes cannot be put into a requirement.
pub const NODE_RULE_PART: Code = Code {
    id: "SLV-2058",
    title: "node rule does not fit a requirement",
    remedy: "Change the node affinity of the object with a resource modifier.",
};

/// Every code of this area.
pub const ALL: &[Code] = &[
    MODIFIER_FAILED,
    MODIFIER_IDENTITY,
    LIST_REPLACED,
    DEFAULT_MODIFIER_UNUSABLE,
    ADJUSTMENTS_CHANGED,
    NO_SUCH_CLASS,
    IMAGE_PART,
    NO_SUCH_NODE,
    NODE_RULE_PART,
];
