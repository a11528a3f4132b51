# Lines of analyze that cannot be read.
refuse() {
    attrib analyze "$@"
    echo "$?"
}
refuse run
refuse run tails
refuse tail
refuse run tail extra
refuse run other run tail
refuse run other layers
refuse run layers --replicates 10
refuse run tail --replicates 9
refuse run tail --table tail
refuse run reweight
refuse run reweight a=+1 b=+1
refuse run groups --permute sometimes
