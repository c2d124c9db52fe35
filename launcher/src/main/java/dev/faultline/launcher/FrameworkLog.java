// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import org.apache.felix.framework.Logger;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.ServiceReference;

/** The framework's own messages go to standard error; standard output belongs to the command. */
final class FrameworkLog extends Logger {
    @Override
    @SuppressWarnings("rawtypes") // as declared there
    protected void doLog(
            @Nullable Bundle bundle,
            @Nullable ServiceReference reference,
            int level,
            String message,
            @Nullable Throwable cause) {
        String from = bundle == null ? "framework" : bundle.getSymbolicName();
        System.err.println("faultline: " + from + ": " + message);
        if (cause != null) {
            System.err.println("faultline:   caused by " + cause);
        }
    }
}
