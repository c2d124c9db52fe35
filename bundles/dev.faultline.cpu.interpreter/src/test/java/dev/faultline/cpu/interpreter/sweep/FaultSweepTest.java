// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.cpu.interpreter.internal.InterpreterFactory;

/** Of the interpreter. */
class FaultSweepTest extends FaultSweepContract {
    FaultSweepTest() {
        super(new InterpreterFactory());
    }
}
