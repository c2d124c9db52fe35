// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.vm.Machine;
import dev.faultline.testkit.cpu.StubMmu;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import org.junit.jupiter.api.Test;

/** A stub's every method says which one it is. */
class StubTest {
    private static void everyMethodFailsWithItsName(Class<?> contract, Object stub) {
        int methods = 0;
        for (Method m : contract.getMethods()) {
            if (!Modifier.isAbstract(m.getModifiers())) {
                continue;
            }
            methods++;
            Object[] arguments = new Object[m.getParameterCount()];
            for (int i = 0; i < arguments.length; i++) {
                Class<?> type = m.getParameterTypes()[i];
                arguments[i] = type == long.class ? (Object) 0L : type == int.class ? 0 : null;
            }
            assertThatThrownBy(() -> m.invoke(stub, arguments))
                    .isInstanceOf(InvocationTargetException.class)
                    .cause()
                    .isExactlyInstanceOf(AssertionError.class)
                    .hasMessage(contract.getSimpleName() + "." + m.getName());
        }
        assertThat(methods).isGreaterThan(10);
    }

    @Test
    void ofAMachine() {
        everyMethodFailsWithItsName(Machine.class, new StubMachine() {});
    }

    @Test
    void ofAnMmu() {
        everyMethodFailsWithItsName(Mmu.class, new StubMmu() {});
    }
}
