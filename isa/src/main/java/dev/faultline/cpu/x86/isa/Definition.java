// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the rows of one instruction share: the meaning. Either a shape around a kernel, from which
 * the build makes the Ops, or Java that makes an Op: opaque, what only {@code execute} knows.
 *
 * @param number in its family, from 0
 * @param shape null: opaque
 * @param kernel the static method that is its meaning, without the size it ends with ({@code
 *     Alu.add}), or empty: the shape says it all; of an opaque instruction the Java expression
 * @param uses what is read and written; of an instruction with a shape what its operands do not
 *     say; null: nothing, or, if it is opaque, only {@code execute} knows
 * @param recode of its forms without LOCK
 * @param line as the table has it
 */
public record Definition(
        Family family,
        int number,
        String mnemonic,
        @Nullable Shape shape,
        String kernel,
        FlagEffects flags,
        @Nullable Uses uses,
        Set<Property> properties,
        Recode recode,
        String line) {
    public boolean is(Property p) {
        return properties.contains(p);
    }

    /** Whether only {@code execute} knows what it does. */
    public boolean opaque() {
        return shape == null;
    }
}
