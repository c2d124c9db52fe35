// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.shell.internal.cli.Services;
import java.lang.reflect.Constructor;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Makes command objects: those that want {@link Services} get them in their constructor. */
final class Commands implements IFactory {
    private final Services services;

    Commands(Services services) {
        this.services = services;
    }

    @Override
    public <K> K create(Class<K> type) throws Exception {
        for (Constructor<?> c : type.getDeclaredConstructors()) {
            if (c.getParameterCount() == 1 && c.getParameterTypes()[0] == Services.class) {
                c.setAccessible(true); // of another package, where nobody else makes one
                return type.cast(c.newInstance(services));
            }
        }
        return CommandLine.defaultFactory().create(type);
    }
}
